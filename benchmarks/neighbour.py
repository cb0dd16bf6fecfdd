"""What one user who does as much as possible at once costs all others, with the default limits.

The others read and write at ease, in turns alone and beside the noise. What counts is how many times longer
half of their requests take. The noise is a second old by then: nobody is refused before having asked.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from statistics import median
from typing import Any

from benchmarks import data
from benchmarks.cells import CELLS
from benchmarks.cluster import Cluster
from benchmarks.load import Request, send
from benchmarks.servers import PEERS, Server
from todo_service.config import Settings

NOISY = 2_000_000  # the number of the first noisy user; each turn has its own, who was not refused before
TASKS = 10_000  # of each of them
CONNECTIONS = 48  # on which they send, each time as soon as they have an answer
AT_EASE = 2  # connections of the others'
FIRST_SECOND = 1

OTHERS = {"read": "get", "write": "toggle"}

BATCH = json.dumps({"operations": [{"op": "create", "task": {"title": "Noise"}}] * 100}).encode()
TOO_LONG = json.dumps({"title": "x", "description": "x" * 250 * 1024}).encode()

# What a noisy user sends: method, path and body.
NOISES = {
    "batches of 100": ("POST", "/api/tasks/batch", BATCH),
    "single changes": ("POST", "/api/tasks", b'{"title": "Noise"}'),
    "lists of 1,000": ("GET", "/api/tasks?limit=1000", b""),
    "searches of 10,000": ("GET", "/api/tasks?q=nowhere", b""),
    "changes from the beginning": ("GET", "/api/tasks/changes?limit=1000", b""),
    "exports of 10,000": ("GET", "/api/account/export", b""),
    "refused bodies of 250 KiB": ("POST", "/api/tasks", TOO_LONG),
}

Noises = dict[
    str, dict[str, dict[str, float]]
]  # by noise, by what the others do: milliseconds, and their ratio


def neighbour(cluster: Cluster, seconds: int, rounds: int) -> Noises:
    """All noises, and what they cost; the medians of so many rounds."""
    database = cluster.filled("service")
    last = NOISY + len(NOISES) * len(OTHERS) * rounds
    with cluster.cursor(database) as cursor:
        data.fill(cursor, "service", NOISY, last, TASKS)
    users = iter(range(NOISY, last))
    found: Noises = {noise: {} for noise in NOISES}
    usual = next(str(one.metadata["default"]) for one in fields(Settings) if one.name == "rate_limit")
    with Server(PEERS["service"], cluster.url(database), RATE_LIMIT=usual) as server:
        for noise, (method, path, body) in NOISES.items():
            for what, cell in OTHERS.items():
                requests = CELLS[cell].requests(server)
                noisy = [Request(method, path, data.user_id(next(users)), body) for _ in range(rounds)]
                found[noise][what] = told(
                    noise, what, [turn(server, requests, one, seconds) for one in noisy]
                )
    return found


def turn(server: Server, requests: list[Request], noise: Request, seconds: int) -> tuple[float, float]:
    """How long half of the others' requests take at most, in ms: alone, and beside the noise."""
    alone = send(requests, server.port, seconds, AT_EASE).p50
    with ThreadPoolExecutor(1) as threads:
        noisy = threads.submit(send, [noise], server.port, seconds + 2 * FIRST_SECOND, CONNECTIONS)
        time.sleep(FIRST_SECOND)
        beside = send(requests, server.port, seconds, AT_EASE).p50
        noisy.result()
    return alone, beside


def told(noise: str, what: str, turns: list[tuple[float, float]]) -> dict[str, Any]:
    alone, beside = (median(figures) for figures in zip(*turns, strict=True))
    ratio = median(with_noise / without for without, with_noise in turns)
    print(f"  {noise}, {what}: {alone:.1f} ms alone, {beside:.1f} beside, {ratio:.1f} times", flush=True)
    return {"alone": alone, "beside": beside, "ratio": ratio}
