"""The request id, and a log whose every line carries it."""

import logging
import re
from uuid import uuid4

from flask import Flask, Response, g, has_request_context, request

SANE_ID = re.compile("[A-Za-z0-9._-]{1,64}")


def request_id() -> str:
    """The id of the request being answered: the client's own if it is sane, else a new one."""
    if "request_id" not in g:
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if SANE_ID.fullmatch(sent) else uuid4().hex
    return str(g.request_id)


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id() if has_request_context() else "-"
        return True


def init_app(app: Flask, level: str) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s")
    )
    logger = logging.getLogger("todo_service")
    logger.setLevel(level)
    if not any(isinstance(known, logging.StreamHandler) for known in logger.handlers):
        logger.addHandler(handler)

    @app.after_request
    def name_the_request(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        return response
