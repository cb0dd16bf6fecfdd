"""One measurement: a server under a load, its speed, and what a request costs the processors."""

from dataclasses import asdict, dataclass, replace

from benchmarks.cluster import Cluster
from benchmarks.load import CONNECTIONS, Request, send
from benchmarks.processes import seconds_of, spent
from benchmarks.servers import Server

WARM_UP = 1  # seconds
TRIES = 5
LEAST_SHARE = 0.2  # of the work, for the worker that does less of it
STANDSTILL = 0.5  # of a processor; who uses less than that under full load waits for itself


@dataclass(frozen=True)
class Figures:
    """What was measured; times in milliseconds.

    Args:
        server: of the processors, for one request.
        postgres: the same of PostgreSQL; None if it runs elsewhere.
        rate: requests a second.
        errors: of all requests, how many had any other answer than a good one.
        share: of the work, what the less busy one of the two workers did.
        bytes: of an answer.
        tries: how often it was measured until both workers had work.
    """

    server: float | None
    postgres: float | None
    rate: float
    p50: float | None
    p99: float | None
    errors: int
    share: float = 0.5
    bytes: float | None = None
    tries: int = 1

    @property
    def stands_still(self) -> bool:
        return (self.server or 0) * self.rate < 1000 * STANDSTILL

    def as_dict(self) -> dict[str, float | None]:
        return asdict(self)

    def __str__(self) -> str:
        cost = " + ".join(f"{one:.2f}" for one in (self.server, self.postgres) if one is not None)
        errors = f", {self.errors} errors" if self.errors else ""
        return f"{cost} ms, {self.rate:,.0f}/s{errors}"


def measure(
    server: Server, cluster: Cluster, requests: list[Request], seconds: int, tries: int = TRIES
) -> Figures:
    """Warm the server up and measure it.

    A worker that accepts all connections leaves the other one idle, which is nobody's fault but chance's:
    then it is measured again with new ones, up to so many times. Who never had two busy ones has no share.
    """
    send(requests, server.port, WARM_UP)
    for number in range(1, tries + 1):
        figures = load(server, cluster, requests, seconds)
        if number == tries or (figures.share >= LEAST_SHARE and not figures.stands_still):
            break
        if figures.stands_still:
            server.restart()
            send(requests, server.port, WARM_UP)
    return replace(figures, tries=number, share=0 if figures.stands_still else figures.share)


def load(
    server: Server, cluster: Cluster, requests: list[Request], seconds: int, connections: int = CONNECTIONS
) -> Figures:
    before, database_before = seconds_of(server.process), cluster.processor_seconds()
    outcome = send(requests, server.port, seconds, connections)
    after, database_after = seconds_of(server.process), cluster.processor_seconds()
    workers = spent(before, after)
    answered = max(outcome.requests, 1)
    return Figures(
        server=1000 * sum(workers) / answered,
        postgres=milliseconds(database_before, database_after, answered),
        rate=outcome.requests / outcome.seconds,
        p50=outcome.p50,
        p99=outcome.p99,
        errors=outcome.errors,
        share=workers[1] / max(sum(workers[:2]), 1e-9),
        bytes=outcome.bytes / answered,
    )


def milliseconds(before: float | None, after: float | None, requests: int) -> float | None:
    """What each request took of the seconds in between."""
    return None if before is None or after is None else 1000 * (after - before) / requests
