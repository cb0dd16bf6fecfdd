"""The service beside its peers: in turns, so that a busy quarter of an hour is nobody's alone."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks import pgbench
from benchmarks.cells import CELLS, check_refusals
from benchmarks.cluster import Cluster
from benchmarks.measure import Figures, measure
from benchmarks.servers import PEERS, Server

Results = dict[str, dict[str, Any]]


def compare(cluster: Cluster, peers: list[str], cells: list[str], rounds: int, seconds: int) -> Results:
    """The medians of the rounds: cell, peer, figure."""
    found: dict[str, dict[str, list[Figures]]] = {cell: {peer: [] for peer in peers} for cell in cells}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}")
        first = number % len(peers)
        for peer in peers[first:] + peers[:first]:
            for cell, figures in turn(cluster, peer, cells, seconds):
                found[cell][peer].append(figures)
    return {
        cell: {peer: middle(all_figures) for peer, all_figures in by_peer.items() if all_figures}
        for cell, by_peer in found.items()
    }


def turn(cluster: Cluster, peer: str, cells: list[str], seconds: int) -> Iterator[tuple[str, Figures]]:
    """All cells of one peer, one after another, on a database that nobody has written to."""
    if peer == "pgbench":
        database = cluster.filled("service")
        for cell in [name for name in cells if name in pgbench.VALUES]:
            yield cell, told(peer, cell, pgbench.measure(cluster, database, cell, seconds))
        return
    database = cluster.filled(PEERS[peer].schema)
    with Server(PEERS[peer], cluster.url(database)) as server:
        check_refusals(server)
        for name in cells:
            call = CELLS[name]
            if call.everywhere or PEERS[peer].is_ours:
                requests = call.requests(server)
                call.check(server.send(requests[0]))
                yield name, told(peer, name, measure(server, cluster, requests, seconds))


def told(peer: str, cell: str, figures: Figures) -> Figures:
    print(f"  {peer}, {cell}: {figures}", flush=True)
    return figures


def middle(rounds: list[Figures]) -> dict[str, float | None]:
    """The median of each figure; of errors all together."""
    columns = {name: [one.as_dict()[name] for one in rounds] for name in rounds[0].as_dict()}
    medians = {
        name: None if None in values else median(value for value in values if value is not None)
        for name, values in columns.items()
    }
    return medians | {"errors": sum(one.errors for one in rounds)}
