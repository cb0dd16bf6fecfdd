"""What processes cost: the time that processors spent on them, which no neighbour's load can stretch much."""

from contextlib import suppress

import psutil


def seconds_of(root: psutil.Process) -> dict[int, float]:
    """The processor seconds of a process and of all beneath it, by process id.

    Those of a child that has ended are among its parent's.
    """
    used = {}
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            used[process.pid] = sum(process.cpu_times()[:4])
    return used


def spent(before: dict[int, float], after: dict[int, float]) -> list[float]:
    """What each process has used in between, the busiest first."""
    return sorted((after[pid] - before.get(pid, 0) for pid in after), reverse=True)
