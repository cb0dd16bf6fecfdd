"""The life of a server's processes: how soon they answer, and what they hold after many requests."""

import time
from statistics import median

import httpx
import psutil

from benchmarks.cells import CELLS, IN_TURN, of_tasks, people
from benchmarks.cluster import Cluster
from benchmarks.load import Request, send
from benchmarks.servers import PEERS, Server

STARTED = ["service", "granian", "fastapi", "async", "django", "fastify"]
SERVED = ["service", "granian"]
SAMPLES = 5  # of the memory, on the way
AT_A_TIME = 10  # seconds of load between two looks at how many requests were answered
MEBIBYTE = 2**20

Starts = dict[str, dict[str, float]]  # by peer: seconds
Memories = dict[str, dict[str, float]]  # by peer and requests of a worker: MiB


def starts(cluster: Cluster, peers: list[str], rounds: int) -> Starts:
    """From the command until a task is answered: the medians, with files that were read before."""
    found: Starts = {}
    for peer in peers:
        with Server(PEERS[peer], cluster.url(cluster.filled(PEERS[peer].schema))) as server:
            times = [seconds_to_first_answer(server) for _ in range(rounds)]
        found[peer] = {"seconds": median(times)}
        print(f"  {peer}: {median(times):.2f} s", flush=True)
    return found


def seconds_to_first_answer(server: Server) -> float:
    server.stop()
    (request, *_) = of_tasks("GET")(server)

    def is_answered() -> bool:
        try:
            return server.send(request).is_success
        except httpx.TransportError:  # nobody listens yet
            return False

    began = time.perf_counter()
    server.launch()
    server.wait_until(is_answered)
    return time.perf_counter() - began


def memories(cluster: Cluster, requests: int) -> Memories:
    """What the larger of two workers holds that it shares with nobody, as each answers more and more."""
    found: Memories = {}
    for peer in SERVED:
        with Server(PEERS[peer], cluster.url(cluster.filled("service"))) as server:
            mixed = all_calls(server)
            send(mixed, server.port, 1)
            found[peer] = {"0": held(server)}
            answered = 0
            for sample in range(1, SAMPLES + 1):
                while answered < 2 * requests * sample / SAMPLES:
                    answered += send(mixed, server.port, AT_A_TIME).requests
                found[peer][str(answered // 2)] = held(server)
                print(f"  {peer}, {answered // 2:,} requests: {held(server):.1f} MiB", flush=True)
    return found


def all_calls(server: Server) -> list[Request]:
    """Reads and writes in turn; of the lists, which grow meanwhile, just as much as in the beginning."""
    lists = [Request("GET", "/api/tasks?limit=50", user) for user in people()] * IN_TURN
    calls = [CELLS[name].requests(server) for name in ("get", "toggle")]
    created = CELLS["create"].requests(server) * IN_TURN
    return [request for four in zip(lists, *calls, created, strict=True) for request in four]


def held(server: Server) -> float:
    """In MiB, of the larger worker."""
    workers = psutil.Process(server.process.pid).children(recursive=True)
    return max(worker.memory_full_info().uss for worker in workers) / MEBIBYTE
