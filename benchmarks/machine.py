"""What figures are worth little without: the machine, the versions, and the command that found them."""

import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.cluster import Cluster
from benchmarks.load import has_wrk
from tests.service import ROOT

PACKAGES = (
    "Flask Flask-SQLAlchemy SQLAlchemy psycopg2-binary gunicorn granian "
    "fastapi sqlmodel uvicorn uvloop PyJWT orjson"
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
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES.split()),
    }


def processor() -> str:
    found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def printed(*command: str) -> str:
    """The first line that a program prints; some exit as if something had failed."""
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"{ran.stdout}\n".splitlines()[0].strip()
