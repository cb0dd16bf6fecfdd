"""The OpenAPI document as a promise: thousands of requests made from it, each answered as it says."""

import json
import subprocess
from pathlib import Path

import pytest

from e2e.better_auth import BetterAuth
from tests.service import BIN, ROOT, Service, clean_environment


@pytest.fixture
def people(better_auth: BetterAuth, tmp_path: Path) -> Path:
    """Two people's real tokens, in the format of Web Fuzzing Commons."""
    entries = []
    for name in ("ada", "bob"):
        token = better_auth.token(better_auth.sign_up(name, f"{name}@example.com"))
        header = {"name": "Authorization", "value": f"Bearer {token}"}
        entries.append({"name": name, "fixedHeaders": [header]})
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"auth": entries}))
    return path


def test_the_service_keeps_to_its_document(service: Service, people: Path) -> None:
    command = ["--config-file", "e2e/schemathesis.toml", "run", f"{service.url}/openapi.json"]
    done = subprocess.run(
        [BIN / "schemathesis", *command],
        cwd=ROOT,
        env=clean_environment(PEOPLE=str(people)),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
