"""What figures are worth little without: the machine, the versions, and the command that found them."""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.cluster import Cluster
from benchmarks.load import has_wrk
from benchmarks.servers import FASTIFY
from tests.service import ROOT

PACKAGES = (
    "Flask Flask-SQLAlchemy SQLAlchemy psycopg2-binary gunicorn granian "
    "fastapi sqlmodel asyncpg uvicorn uvloop "
    "Django djangorestframework djangorestframework-simplejwt psycopg PyJWT orjson"
)


def describe(cluster: Cluster) -> dict[str, str]:
    """All that is to be told, in its order."""
    database = "named by DATABASE_URL" if not cluster.own else "from a wheel, fsync and autovacuum off"
    commit = printed("git", "describe", "--always", "--dirty")
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC at {commit}",
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "processors": f"{len(os.sched_getaffinity(0))} of {processor()}, shared by server, database and load",
        "system": f"{platform.system()} {platform.release()}",
        "PostgreSQL": f"{cluster.version()}, {database}",
        "load": printed("wrk", "--version").split(" [")[0]
        if has_wrk()
        else "Python; install wrk for more of it",
        "Python": platform.python_version(),
        "packages": ", ".join(versions()),
        "Node": ", ".join(node_versions()) or "not installed",
    }


def versions() -> Iterator[str]:
    """Of Python's packages, those that are installed."""
    for name in PACKAGES.split():
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"


def node_versions() -> list[str]:
    """Of Node, and of what is asked for beside it."""
    if not shutil.which("node"):
        return []
    packages = json.loads((FASTIFY / "package.json").read_text())["dependencies"]
    return [printed("node", "--version"), *(f"{name} {pinned}" for name, pinned in packages.items())]


def processor() -> str:
    found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def printed(*command: str) -> str:
    """The first line that a program prints; some exit as if something had failed."""
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"{ran.stdout}\n".splitlines()[0].strip()
