"""What the documents show is so: commands run as they stand there, tables agree with the code."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from flask import Flask
from prometheus_client import REGISTRY
from sqlalchemy import UniqueConstraint

from tests.log_lines import LogLines
from tests.openapi_document import JSON, operations, parameters
from tests.people import Person
from tests.service import ROOT, free_port

README = (ROOT / "README.md").read_text()
CLIENTS, OPERATING, SCALING = (
    (ROOT / "docs" / f"{name}.md").read_text() for name in ("clients", "operating", "scaling")
)
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """The names by which links reach the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def regions(module: Path) -> Iterator[str]:
    """The parts of a module: each from a line `// --- name` to the next such line, or its block's end."""
    for marker in re.finditer(
        r"^( *)// --- \w.*\n(?:(?! *// ---)(?:\1.*)?\n)*", module.read_text(), re.MULTILINE
    ):
        yield f"{dedent(marker[0]).strip()}\n"


def copy_of_the_project(directory: Path) -> Path:
    """What a clone holds, on the virtual environment of this test run."""
    files = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    ).split("\n")
    for name in filter(None, files):
        if (ROOT / name).exists():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    (directory / ".venv").symlink_to(sys.prefix)
    return directory


def test_make_run_and_the_first_calls_lead_to_a_task(tmp_path: Path) -> None:
    clone, home = tmp_path / "50% off feature%2Fx #1 caf\u00e9?", tmp_path / "home"
    clone.mkdir()
    home.mkdir()
    copy_of_the_project(clone)
    port = str(free_port())
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PORT": port}
    make_run, first_calls, *_ = blocks("sh", README)
    assert make_run == "make run\n"
    log = (tmp_path / "output").open("w+")
    server = subprocess.Popen(
        make_run, shell=True, cwd=clone, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        wait = f"until curl -sf http://localhost:{port}/health; do sleep 0.1; done >/dev/null"
        subprocess.run(wait, shell=True, timeout=60, check=True)
        printed = re.sub(r"^  ", "", (tmp_path / "output").read_text(), flags=re.MULTILINE)
        calls = first_calls.replace("8000", port)
        assert calls in printed
        answers = subprocess.run(
            ["bash", "-c", calls], cwd=clone, env=environment, capture_output=True, text=True, check=True
        ).stdout
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)
        log.close()
    created, listed = re.fullmatch(r"(\{.*\})(\[.*\])", answers).groups()  # type: ignore[union-attr]  # fails the test
    assert json.loads(listed) == [json.loads(created)]
    assert json.loads(created)["title"] == "Pay rent"
    secret = re.search("^BETTER_AUTH_SECRET=([0-9a-f]{64})$", (clone / ".env").read_text(), re.MULTILINE)
    assert secret
    assert (clone / ".env").stat().st_mode & 0o077 == 0
    assert list((clone / "instance").glob("todo.db"))


def test_the_tables_can_be_sharded_as_the_documentation_does(app: Flask) -> None:
    """Citus allows keys that contain the sharding column, and references from one such column to another."""
    metadata = app.extensions["sqlalchemy"].metadata
    commands = "\n".join(blocks("sql", SCALING))
    sharded = dict(re.findall(r"create_distributed_table\('(\w+)', '(\w+)'", commands))
    copied = set(re.findall(r"create_reference_table\('(\w+)'", commands))
    assert set(metadata.tables) <= sharded.keys() | copied
    for name, user in sharded.items():
        table = metadata.tables[name]
        assert user in table.primary_key.columns
        assert not [index.name for index in table.indexes if index.unique]
        assert not [one.name for one in table.constraints if isinstance(one, UniqueConstraint)]
        for reference in table.foreign_keys:
            assert reference.parent.name == user
            assert reference.column.name == sharded[reference.column.table.name]


def test_every_snippet_is_cut_from_the_example() -> None:
    example = ROOT / "examples" / "browser"
    tested = {region for module in example.glob("*.js") for region in regions(module)}
    snippets = blocks("js", CLIENTS)
    assert snippets
    assert set(snippets) <= tested


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    for name, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text()):
        target = document.parent / name if name else document
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_make_target_a_document_names_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)|^make (\w+)", document.read_text(), re.MULTILINE):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target


def test_every_call_of_the_api_is_in_the_readme_and_the_other_way_round(document: JSON) -> None:
    written = re.findall(r"^\| `([A-Z]+) (/api/[^`?]*)", README, re.MULTILINE)
    served = {(method.upper(), path) for path, method, _ in operations(document) if path.startswith("/api/")}
    assert set(written) == served


def test_every_parameter_of_the_list_is_in_the_readme(document: JSON) -> None:
    section = README.partition("### Finding and paging")[2].partition("### ")[0]
    named = parameters(document["paths"]["/api/tasks"]["get"], "query")
    for name in [*named, "Link", "X-Total-Count", "If-None-Match"]:
        assert re.search(f"`{name}\\b", section) or name == "cursor", name


def test_every_metric_is_documented_and_the_other_way_round(app: Flask) -> None:  # it defines them
    section = OPERATING.partition("## Metrics")[2].partition("\nWorth a call")[0]
    defined = [family for family in REGISTRY.collect() if family.name.startswith("todo_")]
    names = {family.name + "_total" * (family.type == "counter") for family in defined}
    assert set(re.findall(r"`(todo_\w+)`", section)) == names


def test_every_field_of_a_request_s_line_is_documented(ada: Person, log_lines: LogLines) -> None:
    (example,) = (json.loads(block) for block in blocks("json", OPERATING) if '"duration_ms"' in block)
    parent = f"00-{example['trace_id']}-00f067aa0ba902b7-01"
    ada.post(json={"title": "x"}, headers={"traceparent": parent})
    assert log_lines.one("request").keys() == example.keys()


def test_every_documented_code_is_one_of_the_service_and_the_other_way_round(document: JSON) -> None:
    table = "\n".join(re.findall(r"^\| \d{3} \|(.*?)\|", CLIENTS, re.MULTILINE))
    code = document["components"]["schemas"]["Problem"]["properties"]["code"]
    assert set(re.findall("`([a-z_]+)`", table)) == set(code["enum"])
