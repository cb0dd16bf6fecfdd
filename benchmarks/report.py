"""What the figures say, as Markdown: the report, and the table of goals that the README shows as well."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cells import CELLS
from benchmarks.measure import LEAST_SHARE
from benchmarks.pgbench import TITLE
from benchmarks.servers import PEERS

Results = dict[str, Any]

TITLES = {**{name: peer.title for name, peer in PEERS.items()}, "pgbench": TITLE}

NONE = "-"

# What grows in each part.
GROWTH: dict[str, tuple[str, str]] = {
    "lists": ("First page of long lists", "tasks in the list"),
    "tables": ("Users of 50 tasks among many", "rows in the table"),
    "connections": ("Many connections", "connections"),
}

# What is told of each cell, under which heading, and with how many digits.
MEASURES = {
    "server": ("Processor time of the server, ms for a request", 2),
    "postgres": ("Processor time of PostgreSQL, ms for a request", 2),
    "rate": ("Requests a second", 0),
    "p50": ("Latency of half of the requests, at most, ms", 1),
    "p99": ("Latency of 99 of 100 requests, at most, ms", 1),
    "errors": ("Errors", 0),
}


@dataclass(frozen=True)
class Ratio:
    """How one peer's figure stands to another's: the higher, the better for the service.

    Args:
        measure: which of the figures.
        above, below: the peers whose figures are divided.
        goals: by cell, how high it should be; none where it is only told.
    """

    title: str
    measure: str
    above: str
    below: str
    goals: dict[str, float] = field(default_factory=dict)

    def told(self, results: Results, cell: str) -> str:
        figures = results["cells"].get(cell, {})
        if not {self.above, self.below} <= figures.keys() or not figures[self.below][self.measure]:
            return NONE
        quotient = figures[self.above][self.measure] / figures[self.below][self.measure]
        goal = self.goals.get(cell)
        if goal is None:
            return number(quotient, 2)
        return f"{quotient:.2f} (≥ {goal}: {'✓' if quotient >= goal else 'no'})"


COMPARED = ("list", "get", "create", "toggle")


def goals_of(*figures: float) -> dict[str, float]:
    """One for each of the compared calls, or one for all of them."""
    return dict(zip(COMPARED, figures if len(figures) > 1 else figures * len(COMPARED), strict=True))


RATIOS = [
    Ratio(
        "processor time, FastAPI with SQLModel ÷ service",
        "server",
        "fastapi",
        "service",
        goals_of(2.3, 2.0, 2.2, 2.8),
    ),
    Ratio("processor time, Django REST framework ÷ service", "server", "django", "service", goals_of(2.0)),
    Ratio("processor time, FastAPI with asyncpg ÷ service", "server", "async", "service", goals_of(1.3)),
    Ratio("processor time, Fastify with pg ÷ service", "server", "fastify", "service", goals_of(1.0)),
    Ratio(
        "processor time, FastAPI with SQLModel ÷ service on Granian",
        "server",
        "fastapi",
        "granian",
        goals_of(2.9, 2.5, 2.6, 3.4),
    ),
    Ratio(
        "processor time, Fastify with pg ÷ service on Granian", "server", "fastify", "granian", goals_of(1.2)
    ),
    Ratio("latency of 99 %, FastAPI with SQLModel ÷ service", "p99", "fastapi", "service", goals_of(2.0)),
    Ratio("processor time, Flask with SQL by hand ÷ service", "server", "flask", "service"),
]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose first column holds words, and all others numbers."""
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goals(results: Results) -> str:
    """How the service stands against what it should reach; peers that were not measured are left out."""
    rows = [[ratio.title, *(ratio.told(results, cell) for cell in COMPARED)] for ratio in RATIOS]
    measured = [row for row in rows if set(row[1:]) != {NONE}]
    return table(["how many times as much", *(CELLS[cell].title for cell in COMPARED)], measured)


def number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def comparison(results: Results, measure: str) -> str:
    """One measure of all peers in all cells."""
    cells = results["cells"]
    peers = [peer for peer in TITLES if any(peer in cells[cell] for cell in cells)]
    rows = [
        [CELLS[cell].title, *(figure(cells[cell].get(peer), measure) for peer in peers)] for cell in cells
    ]
    return table(["", *(TITLES[peer] for peer in peers)], rows)


def figure(figures: dict[str, Any] | None, measure: str) -> str:
    """A figure, with a star if one worker was left with too little of the work."""
    if figures is None:
        return ""
    star = r"\*" if figures["share"] < LEAST_SHARE else ""
    return number(figures[measure], MEASURES[measure][1]) + star


def growth(lines: dict[str, Any], grows: str, *, with_health: bool) -> str:
    """What became of the figures as something grew: server and PostgreSQL, speed, errors."""
    head = ["", grows, "server, ms", "PostgreSQL, ms", "requests/s", "p99, ms", "errors"]
    rows = [
        [
            line,
            f"{int(size):,}",
            *(number(figures[name], digits) for name, (_, digits) in MEASURES.items() if name != "p50"),
            *([f"{figures['healthy']} of {figures['checks']}"] if with_health else []),
        ]
        for line, by_size in lines.items()
        for size, figures in by_size.items()
    ]
    return table([*head, "`/health` answered"] if with_health else head, rows)


def noise(noises: dict[str, Any]) -> str:
    """How many times longer others wait beside each noise: at most five times is what we promise."""
    head = ["one user sends all the time", "others read, times longer", "others write, times longer"]
    rows = [
        [title, *(number(found[what]["ratio"], 1) for what in ("read", "write"))]
        for title, found in noises.items()
    ]
    return table(head, rows)


SOUGHT_WITHIN = 50  # ms of the database, for the first page
SOUGHT_AMONG = 10_000  # tasks


def searches(found: dict[str, Any]) -> str:
    """What the database needs for words, by database, rows and tasks."""
    lines = [
        ([database, f"{int(rows):,}", f"{int(tasks):,}"], by_word)
        for database, by_rows in found.items()
        for rows, by_tasks in by_rows.items()
        for tasks, by_word in by_tasks.items()
    ]
    head = ["", "rows in the table", "tasks of the user", *lines[0][1]]
    return table(head, [[*names, *(number(time, 1) for time in times.values())] for names, times in lines])


def is_found_soon(found: dict[str, Any]) -> str:
    times = [
        time
        for by_rows in found.values()
        for by_tasks in by_rows.values()
        for time in by_tasks[str(SOUGHT_AMONG)].values()
    ]
    reached = "✓" if max(times) <= SOUGHT_WITHIN else "no"
    return f"Among {SOUGHT_AMONG:,} tasks, at most: {max(times):.1f} ms (≤ {SOUGHT_WITHIN}: {reached})."


def starts(found: dict[str, Any]) -> str:
    rows = [[TITLES[peer], number(figures["seconds"], 2)] for peer, figures in found.items()]
    return table(["", "seconds"], rows)


def memories(found: dict[str, Any]) -> str:
    rows = [
        [TITLES[peer], f"{int(requests):,}", number(held, 1)]
        for peer, by_requests in found.items()
        for requests, held in by_requests.items()
    ]
    return table(["", "requests of a worker", "MiB"], rows)


def chapter(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *parts])


def how(results: Results) -> str:
    """Where, when and with what everything was measured; said once of what was measured together."""
    runs: dict[str, list[str]] = {}
    for part, found in results.items():
        told = "\n".join(f"* {name}: {value}" for name, value in found["how"].items())
        runs.setdefault(told, []).append(part)
    return "\n\n".join(f"Of {', '.join(parts)}:\n\n{told}" for told, parts in runs.items())


def render(results: Results) -> str:
    """The whole report; what was not measured is left out."""
    chapters = ["# How fast it is", "Written by `make bench`; [how to read it](../README.md)."]
    if peers := results.get("peers"):
        chapters += [
            chapter("Goals", goals(peers)),
            chapter("Beside its peers", "![Processor time of a request](peers.png)"),
            *(f"### {title}\n\n{comparison(peers, name)}" for name, (title, _) in MEASURES.items()),
            r"\* One of the two workers did less than a fifth of the work, whatever was tried.",
        ]
    growing = {part: names for part, names in GROWTH.items() if part in results}
    if growing:
        chapters.append(chapter("As it grows", "![What grows, and what does not](growth.png)"))
    for part, (title, grows) in growing.items():
        told = growth(results[part]["lines"], grows, with_health=part == "connections")
        chapters.append(f"### {title}\n\n{told}")
    if found := results.get("search"):
        title = "Searching words, ms of the database for the first page"
        chapters.append(chapter(title, searches(found["searches"]), is_found_soon(found["searches"])))
    if found := results.get("start"):
        chapters.append(chapter("From the command to the first answer", starts(found["starts"])))
    if found := results.get("memory"):
        chapters.append(chapter("What a worker holds for itself", memories(found["memories"])))
    if neighbour := results.get("neighbour"):
        chapters.append(chapter("Beside a noisy neighbour", noise(neighbour["noises"])))
    return "\n\n".join([*chapters, chapter("How it was measured", how(results))]) + "\n"
