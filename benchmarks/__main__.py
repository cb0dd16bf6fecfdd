"""`make bench`, or `.venv/bin/python -m benchmarks` with options."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import growth, life, machine, results
from benchmarks.cells import CELLS
from benchmarks.cluster import Cluster
from benchmarks.compare import compare
from benchmarks.installed import runnable
from benchmarks.load import has_wrk
from benchmarks.neighbour import neighbour
from benchmarks.pgbench import program
from benchmarks.search import search
from benchmarks.servers import PEERS

PARTS = ["peers", "lists", "tables", "connections", "search", "start", "memory", "neighbour"]


def names(known: list[str]) -> Callable[[str], list[str]]:
    """Some of what is known, separated by commas and in the order in which it is known."""

    def parse(written: str) -> list[str]:
        asked = written.split(",")
        if not set(asked) <= set(known):
            raise argparse.ArgumentTypeError(f"some of {','.join(known)}")
        return [name for name in known if name in asked]

    return parse


def options() -> argparse.Namespace:
    peers = [*PEERS, "pgbench"]
    parser = argparse.ArgumentParser("python -m benchmarks", description="How fast the service is.")
    parser.add_argument("--parts", type=names(PARTS), default=PARTS, help=f"of {','.join(PARTS)}")
    parser.add_argument("--only", type=names([*CELLS]), default=[*CELLS], help=f"of {','.join(CELLS)}")
    parser.add_argument("--peers", type=names(peers), default=peers, help=f"of {','.join(peers)}")
    parser.add_argument("--seconds", type=int, default=4, help="that each measurement takes")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians count")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest table")
    parser.add_argument("--requests", type=int, default=100_000, help="of a worker whose memory is measured")
    parser.add_argument("--redraw", action="store_true", help="measure nothing, tell what is kept anew")
    parser.add_argument("--results", type=Path, default=results.KEPT, help="where they are kept")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    found = results.read(chosen.results)
    if chosen.redraw:
        results.write(chosen.results, found)
        return
    if not has_wrk():
        print("wrk is not installed: Python makes the load, and all figures but processor times are lower.")
    peers = runnable([peer for peer in chosen.peers if peer != "pgbench"])
    peers += [peer for peer in chosen.peers if peer == "pgbench" and program()]
    with Cluster() as cluster:
        how = machine.describe(cluster)
        print(*(f"{name}: {told}" for name, told in how.items()), sep="\n")
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "peers": lambda: {"cells": compare(cluster, peers, chosen.only, chosen.rounds, chosen.seconds)},
            "lists": lambda: {"lines": growth.lists(cluster, chosen.seconds)},
            "tables": lambda: {"lines": growth.tables(cluster, chosen.seconds, chosen.rows)},
            "connections": lambda: {"lines": growth.connections(cluster, chosen.seconds)},
            "search": lambda: {"searches": search(cluster, chosen.rows)},
            "start": lambda: {"starts": life.starts(cluster, runnable(life.STARTED), chosen.rounds)},
            "memory": lambda: {"memories": life.memories(cluster, chosen.requests)},
            "neighbour": lambda: {"noises": neighbour(cluster, chosen.seconds, chosen.rounds)},
        }
        for part in chosen.parts:
            print(f"\n{part}")
            found[part] = parts[part]() | {"how": how}
            results.write(chosen.results, found)
    print(f"\n{chosen.results / 'latest.md'}")


main()
