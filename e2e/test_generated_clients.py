"""The OpenAPI document in the hands of linters and of client generators: whatever they make of it works."""

import importlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.node import installed
from tests.people import SECRET, token_for
from tests.service import BIN, Service

COMPILE = ("node_modules/.bin/tsc", "--strict", "--target", "es2022", "--module", "nodenext")
# The generators find their formatter, and tell nobody that they were used.
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "REDOCLY_TELEMETRY": "off"}


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
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["redocly lint", "spectral lint --fail-severity=hint"])
def test_linters_find_nothing(service: Service, command: str) -> None:
    run(installed("lint"), *f"node_modules/.bin/{command} {service.url}/openapi.json".split())


def test_a_client_made_of_the_document_compiles_and_works(service: Service, project: Path) -> None:
    run(project, *COMPILE, "client.ts")
    script = f"""
        import {{ callEverything, connect, payRent }} from "./client.js";
        const todo = connect("{service.url}", "{token_for("ada")}");
        console.log(await payRent(todo), (await callEverything(todo)).filter((status) => status >= 300));
    """
    printed = run(project, "node", "--input-type=module", "--eval", script)
    assert printed == "[ 'Pay rent, high, true' ] []\n"


def test_what_the_document_rules_out_does_not_compile(project: Path) -> None:
    run(project, *COMPILE, "--noEmit", "mistakes.ts")


@pytest.fixture
def python_client(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Bob's, of the package `todo` that openapi-python-client makes, and complains of nothing."""
    options = ("--meta=none", f"--output-path={tmp_path}/todo", "--fail-on-warning")
    run(tmp_path, "openapi-python-client", "generate", "--url", f"{service.url}/openapi.json", *options)
    monkeypatch.syspath_prepend(tmp_path)
    with importlib.import_module("todo.client").AuthenticatedClient(service.url, token_for("bob")) as client:
        yield client


def test_every_operation_of_a_python_client_can_be_called(python_client: Any, tmp_path: Path) -> None:
    models = importlib.import_module("todo.models")
    called = set()

    def call(operation: str, **arguments: Any) -> Any:
        called.add(operation)
        view = importlib.import_module(f"todo.api.{operation}")
        answer = view.sync_detailed(client=python_client, **arguments)
        assert answer.status_code < 300, answer.content
        return answer.parsed

    task, other = (call("tasks.create_task", body=models.TaskInput(title=title)) for title in "ab")
    assert call("tasks.read_task", id=task.id) == task
    sort = [models.ListTasksSortItem.PRIORITY, models.ListTasksSortItem.TITLE]
    assert call("tasks.list_tasks", sort=sort, order=[models.ListTasksOrderItem.ASC]) == [task, other]
    call("tasks.update_task", id=task.id, body=models.TaskUpdate(description="x"))
    call("tasks.patch_task", id=task.id, body=models.TaskUpdate(description=None))
    call("tasks.move_task", id=task.id, body=models.MoveInput(after=other.id))
    call("tasks.patch_task", id=other.id, body=models.TaskUpdate(tags=["home"]))
    assert [tag.tag for tag in call("tasks.list_tags")] == ["home"]
    call("tasks.complete_task", id=task.id, body=models.CompletionInput(completed=True))
    assert call("tasks.clear_completed", status=models.ClearCompletedStatus.COMPLETED).deleted == 1
    kind = models.CompleteOperationInputOp.COMPLETE
    reopen = models.CompleteOperationInput(op=kind, id=str(other.id), completed=False)
    assert len(call("batch.run_batch", body=models.BatchInput([reopen])).results) == 1
    changes = call("changes.list_changes").changes
    assert [type(change) for change in changes] == [models.Upsert]
    assert [task.id for task in call("account.export_account").tasks] == [other.id]
    assert call("account.read_account").tasks.total == 1
    call("tasks.delete_task", id=other.id)
    call("account.erase_account", body=models.EraseInput(models.EraseInputConfirm.ERASE))
    for operation in (
        "health.index",
        "health.alive",
        "health.ready",
        "docs.openapi_document",
        "docs.docs_page",
    ):
        assert call(operation)
    assert call("docs.docs_asset", asset="start.js")
    made = {f"{path.parent.name}.{path.stem}" for path in tmp_path.glob("todo/api/*/[!_]*.py")}
    assert called == made
