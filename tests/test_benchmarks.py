"""What is said of the benchmarks' figures is what they say."""

import json

from benchmarks import report
from tests.service import ROOT

RESULTS = ROOT / "benchmarks" / "results"


def test_the_report_and_the_readme_tell_what_was_measured() -> None:
    figures = json.loads((RESULTS / "latest.json").read_text())
    assert (RESULTS / "latest.md").read_text() == report.render(figures)
    assert report.goals(figures["peers"]) in (ROOT / "README.md").read_text()
