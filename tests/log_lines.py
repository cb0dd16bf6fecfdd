"""What the service logs, written as it would be to standard error, and read again."""

import json
import logging
from types import TracebackType
from typing import Any, Self

from todo_service.logs import JsonLines


class LogLines(logging.Handler):
    """Collects what is logged in this process, from the least level on."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))

    def __enter__(self) -> Self:
        logger = logging.getLogger("todo_service")
        self.level_before = logger.level
        logger.setLevel(logging.DEBUG)
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger("todo_service").setLevel(self.level_before)

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
