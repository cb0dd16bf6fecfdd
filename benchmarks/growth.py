"""What grows with the lists, with the table and with the connections, and what stays as it is."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from benchmarks import data
from benchmarks.cells import CELLS
from benchmarks.cluster import Cluster
from benchmarks.load import Request
from benchmarks.measure import Figures, load, measure
from benchmarks.servers import PEERS, Server

LISTS = [100, 1_000, 10_000, 100_000]  # tasks of one user
FIRST_PAGES = {
    "newest first": "limit=50",
    "by due date": "limit=50&sort=due_date",
    "by title": "limit=50&sort=title",
    "pending": "limit=50&status=pending",
}
COLLECTOR = 1_000_000  # the number of the first user who has that many

CONNECTIONS = {"service": [1, 16, 64, 100, 128, 500], "granian": [16, 64, 128, 500], "fastapi": [16, 64, 128]}
PATIENCE = 2  # seconds, of who watches over the server's health

TABLES = [100_000, 1_000_000, 10_000_000]  # rows
BYTES_A_ROW = 1_500  # with its indexes, and what making them needs
SPARE = 6 * 2**30  # bytes

Growth = dict[str, dict[str, dict[str, Any]]]  # by line, by what grows, the figures


def lists(cluster: Cluster, seconds: int) -> Growth:
    """The first page of lists that are longer and longer."""
    database = cluster.filled("service")
    with cluster.cursor(database) as cursor:
        for user, size in enumerate(LISTS, COLLECTOR):
            data.fill(cursor, "service", user, user, size)
    found: Growth = {title: {} for title in FIRST_PAGES}
    with Server(PEERS["service"], cluster.url(database)) as server:
        for user, size in enumerate(LISTS, COLLECTOR):
            for title, query in FIRST_PAGES.items():
                requests = [Request("GET", f"/api/tasks?{query}", data.user_id(user))]
                assert 40 <= len(server.send(requests[0]).json()) <= 50  # of 100 tasks only 40 are pending
                figures = measure(server, cluster, requests, seconds, tries=1)
                found[title][str(size)] = told(f"{size:,} tasks, {title}", figures)
    return found


def tables(cluster: Cluster, seconds: int, rows: int) -> Growth:
    """Calls to users of 50 tasks while the table holds more and more of other users'."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if cluster.own and free < rows * BYTES_A_ROW + SPARE:
        raise SystemExit(f"{rows:,} rows need more room than the {free / 2**30:.0f} GiB there are")
    database, users = cluster.filled("service"), data.USERS
    calls = ["list", "get", "create"]
    found: Growth = {CELLS[call].title: {} for call in calls}
    for size in [size for size in TABLES if size <= rows]:
        with cluster.cursor(database) as cursor:
            cursor.execute("DELETE FROM tasks WHERE created_at > '2025-01-01'")  # what was created below
            if size > users * data.TASKS_EACH:
                first, users = users + 1, size // data.TASKS_EACH
                data.fill(cursor, "service", first, users, data.TASKS_EACH)
        with Server(PEERS["service"], cluster.url(database)) as server:
            for call in calls:
                requests = CELLS[call].requests(server)
                CELLS[call].check(server.send(requests[0]))
                figures = measure(server, cluster, requests, seconds, tries=1)
                found[CELLS[call].title][str(size)] = told(f"{size:,} rows, {call}", figures)
    return found


def connections(cluster: Cluster, seconds: int) -> Growth:
    """Lists for more and more connections at once; each time a new server, since some do not recover."""
    found: Growth = {PEERS[peer].title: {} for peer in CONNECTIONS}
    for peer, counts in CONNECTIONS.items():
        database = cluster.filled(PEERS[peer].schema)
        for count in counts:
            with Server(PEERS[peer], cluster.url(database)) as server, ThreadPoolExecutor(1) as threads:
                requests = CELLS["list"].requests(server)
                running = threads.submit(load, server, cluster, requests, seconds, count)
                checks = list(health(server, running))
                figures = told(f"{count} connections, {peer}", running.result())
                healthy = {"checks": len(checks), "healthy": sum(checks)}
                found[PEERS[peer].title][str(count)] = figures | healthy
    return found


def health(server: Server, running: Future[Figures]) -> Iterator[bool]:
    """Whether the server says that it is well, five times a second."""
    while not running.done():
        yield server.is_healthy(within=PATIENCE)
        time.sleep(0.2)


def told(what: str, figures: Figures) -> dict[str, Any]:
    print(f"  {what}: {figures}", flush=True)
    return figures.as_dict()
