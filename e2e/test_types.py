"""The OpenAPI document in the hands of a client generator: its types let right calls pass, and no others."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.node import installed
from tests.people import SECRET, token_for
from tests.service import Service

COMPILE = ("node_modules/.bin/tsc", "--strict", "--target", "es2022", "--module", "nodenext")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": f"sqlite:///{directory}/todo.db"}
    with Service(settings, directory) as running:
        yield running


@pytest.fixture(scope="module")
def project(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients, and beside them the types that the running service's document is turned into."""
    source, folder = installed("types"), tmp_path_factory.mktemp("types")
    for name in ("package.json", "client.ts", "mistakes.ts"):
        shutil.copy(source / name, folder)
    (folder / "node_modules").symlink_to(source / "node_modules")
    run(
        folder, "node_modules/.bin/openapi-typescript", f"{service.url}/openapi.json", "--output", "todo.d.ts"
    )
    return folder


def run(folder: Path, *command: str) -> str:
    """What the command prints; it must succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_client_made_of_the_document_compiles_and_works(service: Service, project: Path) -> None:
    run(project, *COMPILE, "client.ts")
    script = f"""
        import {{ connect, payRent }} from "./client.js";
        console.log(await payRent(connect("{service.url}", "{token_for("ada")}")));
    """
    printed = run(project, "node", "--input-type=module", "--eval", script)
    assert printed == "[ 'Pay rent, high, true' ]\n"


def test_what_the_document_rules_out_does_not_compile(project: Path) -> None:
    run(project, *COMPILE, "--noEmit", "mistakes.ts")
