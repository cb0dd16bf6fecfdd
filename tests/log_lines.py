"""What the service logs in this process, as it stands on standard error."""

import json
from typing import Any

import pytest


class LogLines:
    """The JSON lines written since the test began."""

    def __init__(self, standard_error: pytest.CaptureFixture[str]) -> None:
        self.standard_error = standard_error
        self.seen: list[str] = []

    @property
    def written(self) -> list[str]:
        self.seen += self.standard_error.readouterr().err.splitlines()
        return self.seen

    @property
    def text(self) -> str:
        return "\n".join(self.written)

    def all(self, message: str) -> list[dict[str, Any]]:
        """The lines with this message."""
        return [line for line in map(json.loads, self.written) if line["message"] == message]

    def one(self, message: str) -> dict[str, Any]:
        """The one line with this message."""
        (line,) = self.all(message)
        return line
