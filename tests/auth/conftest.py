"""What the tests of tokens and rates share."""

import time
from collections.abc import Callable

import pytest

from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass on this process's own clock: for what asks nobody else, and would take minutes."""
    ahead, real = 0.0, time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead)

    def pass_(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    return pass_
