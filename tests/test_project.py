"""What the project promises about itself."""

import ast
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.service import ROOT

PACKAGE = ROOT / "todo_service"

# Each layer imports from those before it only (and from the standard library and the dependencies).
LAYERS = [
    {
        "availability",
        "counters",
        "deadlines",
        "etags",
        "extensions",
        "fields",
        "json_response",
        "keys",
        "log_exceptions",
        "paging",
        "serving",
        "setting_types",
        "sqlite_file",
    },
    {"config", "metrics_directory", "models"},
    {"client_address", "exporter", "logs", "metrics", "schemas"},
    {"batch_schemas", "cursors", "database", "key_set", "service_schemas", "telemetry"},
    {"begin", "errors", "export", "openapi_schemas", "token_cache"},
    {"fair_share", "json_body", "rate_limit", "schema_version", "transactions"},
    {"auth", "contract", "erasure", "headers", "listing", "pruning", "startup"},
    {"account", "changes", "cli", "health", "revisions"},
    {"idempotency", "own_tasks"},
    {"openapi_components", "preconditions"},
    {"batch", "openapi", "tasks"},
    {"docs"},
    {"__init__"},
]


def imported(module: Path) -> set[str]:
    """The modules of the package that a module of it imports."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "todo_service":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("todo_service."):
            names.add(str(node.module).split(".")[1])
    return names


def test_imports_point_one_way() -> None:
    modules = {path.stem: path for path in PACKAGE.glob("*.py")}
    assert set(modules) == set().union(*LAYERS)
    below: set[str] = set()
    for layer in LAYERS:
        for name in layer:
            assert imported(modules[name]) <= below, name
        below |= layer


def tracked() -> list[Path]:
    hidden = {".git", ".venv", ".hypothesis", "node_modules", "instance", "__pycache__"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(part in hidden or part.endswith("_cache") for part in path.parts)
        and path.suffix in {".py", ".md", ".txt", ".toml", ".yml", ".ini", ".mako", ".html", ".js", ""}
    ]


@pytest.mark.parametrize("path", ["requirements.txt", "requirements-dev.txt", "benchmarks/requirements.txt"])
def test_every_requirement_is_pinned(path: str) -> None:
    lines = [line.partition("#")[0].strip() for line in (ROOT / path).read_text().splitlines()]
    for line in filter(None, lines):
        assert re.fullmatch(
            r"-r (requirements|\.\./requirements-dev)\.txt|[A-Za-z0-9._-]+(\[\w+\])?==[\w.]+", line
        ), line


def test_what_is_installed_is_what_is_pinned() -> None:
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[\w+\])?==([\w.]+)", line):
            assert version(match[1]) == match[2]


def test_whatever_the_documents_name_is_there() -> None:
    for document in ("README.md", "SECURITY.md", "docs/operating.md"):
        for name in re.findall(r"`((?:tests/)?\w+\.py)`", (ROOT / document).read_text()):
            assert (ROOT / name).exists() or (PACKAGE / name).exists(), name


def test_nothing_is_left_undone() -> None:
    unfinished = re.compile("TO" + "DO:|FIX" + "ME|XX" + "X|NotImplemented" + "Error")
    for path in tracked():
        assert not unfinished.search(path.read_text()), path


# Public, or documented as points to extend, in spite of their names.
DOCUMENTED = {"_asdict", "_replace", "_make", "_fields", "_mapping", "_serialize", "_deserialize"}
CODE = [
    *sorted(PACKAGE.rglob("*.py")),
    *(ROOT / name for name in ("wsgi.py", "gunicorn.conf.py", "migrations/env.py")),
]


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.name)
def test_nothing_depends_on_the_private_parts_of_a_library(file: Path) -> None:
    """No attribute that begins with an underscore, nothing of gunicorn's inside, no hook taken out."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            assert is_own or node.attr in DOCUMENTED, f"{node.attr} in line {node.lineno}"
        if isinstance(node, ast.Attribute) and node.attr in ("pop", "remove", "clear"):
            assert not re.search(r"_funcs\b|\.dispatch\b", ast.unparse(node)), node.lineno
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            assert not [name for name in names if name.split(".")[0] == "gunicorn"], node.lineno
            assert not [name for name in names if re.search(r"(^|\.)_[a-z]", name)], node.lineno
