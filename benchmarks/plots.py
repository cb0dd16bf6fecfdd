"""The figures as pictures: bars beside one another, and lines that should be flat."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from benchmarks.cells import CELLS
from benchmarks.report import GROWTH, TITLES
from benchmarks.servers import PEERS

OURS, OTHERS, DATABASE = "#1f6feb", "#8c959f", "#d0d7de"
LINES = ["#1f6feb", "#bf3989", "#bc4c00", "#1a7f37"]
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(directory: Path, results: dict[str, Any]) -> None:
    """Draw what there is."""
    mpl.use("Agg")
    with plt.rc_context(STYLE):
        if peers := results.get("peers"):
            save(bars(peers["cells"]), directory / "peers.png")
        if growing := {part: results[part]["lines"] for part in GROWTH if part in results}:
            save(lines(growing), directory / "growth.png")


def save(figure: Any, file: Path) -> None:
    figure.savefig(file, dpi=110, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    plt.close(figure)


def bars(cells: dict[str, Any]) -> Any:
    """What a request costs: the server dark, PostgreSQL light behind it; a panel for each call."""
    shared = [cell for cell in cells if CELLS[cell].everywhere]
    peers = [peer for peer in TITLES if any(peer in cells[cell] for cell in shared)]
    ours = {name for name, peer in PEERS.items() if peer.is_ours}
    figure, panels = plt.subplots(
        1, len(shared), figsize=(2.5 * len(shared) + 1.5, 0.36 * len(peers) + 1), sharey=True, squeeze=False
    )
    for panel, cell in zip(panels[0], shared, strict=True):
        for place, peer in enumerate(peers):
            figures = cells[cell].get(peer, {})
            server, postgres = figures.get("server") or 0, figures.get("postgres") or 0
            label = f"{server:.2f} + {postgres:.2f}" if server else f"{postgres:.2f}"
            panel.barh(place, server, 0.7, color=OURS if peer in ours else OTHERS)
            panel.barh(place, postgres, 0.7, left=server, color=DATABASE)
            panel.text(server + postgres, place, f" {label}", va="center")
        panel.set_title(CELLS[cell].title)
        panel.set_xticks([])
        panel.spines["bottom"].set_visible(False)
        panel.tick_params(left=False)
        panel.margins(x=0.3)
    panels[0][0].set_yticks(range(len(peers)), [TITLES[peer] for peer in peers])
    panels[0][0].invert_yaxis()
    figure.supxlabel(
        "milliseconds of a processor for one request: of the server + of PostgreSQL (light)", fontsize=10
    )
    figure.tight_layout()
    return figure


def lines(growth: dict[str, Any]) -> Any:
    """A panel for each thing that grows."""
    titles = {
        "lists": ("First page, by tasks in the list", "ms of all processors"),
        "tables": ("Users of 50 tasks, by rows in the table", "ms of all processors"),
        "connections": ("Lists of 50, by connections", "requests a second"),
    }
    figure, panels = plt.subplots(1, len(growth), figsize=(4.2 * len(growth), 3.2), squeeze=False)
    for panel, (part, grown) in zip(panels[0], growth.items(), strict=True):
        for color, (name, line) in zip(LINES, grown.items(), strict=False):
            heights = [height(part, figures) for figures in line.values()]
            panel.plot([int(size) for size in line], heights, "o-", color=color, label=name, markersize=4)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.set_ylim(bottom=0)
        panel.set_title(titles[part][0])
        panel.set_ylabel(titles[part][1])
        panel.grid(axis="y", color=DATABASE)
        panel.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    return figure


def height(part: str, figures: dict[str, Any]) -> float:
    """Throughput where connections grow, and elsewhere what server and database need together."""
    if part == "connections":
        return float(figures["rate"])
    return float(figures["server"] + (figures["postgres"] or 0))
