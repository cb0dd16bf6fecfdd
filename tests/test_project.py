"""What the project promises about itself."""

import ast
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.service import ROOT

PACKAGE = ROOT / "todo_service"

# What each room and each file beside them may import of the package: what stands before it.
ORDER = [
    "serving",
    "setting_types",
    "config",
    "extensions",
    "models",
    "ops",
    "db",
    "api",
    "auth",
    "writes",
    "tasks",
    "account",
    "docs",
    "headers",
    "cli",
    "startup",
    "__init__",
]


def room(file: Path) -> str:
    """The room of a file of the package, or its own name if it stands beside them."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """The rooms, and the files beside them, from which a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "todo_service":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("todo_service."):
            names.add(str(node.module).split(".")[1])
    return names


def test_imports_between_rooms_point_one_way() -> None:
    for file in PACKAGE.rglob("*.py"):
        place = ORDER.index(room(file))
        assert imported(file) <= {*ORDER[:place], room(file)}, file


def test_each_room_says_what_belongs_there() -> None:
    for directory in (path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()):
        said = ast.get_docstring(ast.parse((directory / "__init__.py").read_text()))
        assert said, directory
        assert "\n" not in said, directory


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
    for document in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for name in re.findall(r"`((?:\w+/)*\w+\.py)`", document.read_text()):
            assert (ROOT / name).exists() or list(PACKAGE.rglob(name)), f"{name} in {document.name}"


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
