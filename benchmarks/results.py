"""Where the figures are kept: as JSON, from which the report, the plots and the README's table are made."""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import plots, report
from tests.service import ROOT

KEPT = Path(__file__).with_name("results")
README = ROOT / "README.md"
SHOWN = re.compile(r"(?<=<!-- make bench -->\n).*?(?=<!-- /make bench -->)", re.DOTALL)


def read(directory: Path = KEPT) -> dict[str, Any]:
    file = directory / "latest.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def write(directory: Path, results: dict[str, Any]) -> None:
    """Keep these, and tell of them wherever they are told of."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "latest.json").write_text(json.dumps(results, indent=1) + "\n")
    plots.draw(directory, results)
    (directory / "latest.md").write_text(report.render(results))
    if directory == KEPT and "peers" in results:
        README.write_text(SHOWN.sub(lambda _: report.goals(results["peers"]) + "\n", README.read_text()))
