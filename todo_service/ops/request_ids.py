"""Correlation ids: of a request, and of the trace it is a part of; every log line carries them."""

import re
from random import getrandbits

from flask import g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

SANE_ID = re.compile("[A-Za-z0-9._-]{1,64}")
# W3C Trace Context §3.2.2; a later version may say more after these four fields.
TRACE = re.compile(
    "(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-.*)?"
)


def request_id() -> str:
    """The id of the request being answered: the client's own if it is sane, else a new one."""
    known: str | None = g.get("request_id")
    if known is None:
        sent = request.environ.get("HTTP_X_REQUEST_ID")
        g.request_id = known = sent if sent and SANE_ID.fullmatch(sent) else f"{getrandbits(128):032x}"
    return known


def trace_id() -> str | None:
    """The trace that the request is a part of, if its `traceparent` is valid."""
    sent = request.environ.get("HTTP_TRACEPARENT")
    match = TRACE.fullmatch(sent) if sent else None
    if not match or (match["version"] == "00" and match["more"]):
        return None
    return match["trace"]


def ids() -> dict[str, str]:
    """The request's id, and its trace's if it has one."""
    trace = trace_id()
    return {"request_id": request_id(), "trace_id": trace} if trace else {"request_id": request_id()}


def bind_ids() -> None:
    """From now on, every line of this thread or task carries the ids of its request …"""
    clear_contextvars()
    bind_contextvars(**ids())


def unbind_ids(_error: BaseException | None = None) -> None:
    """… until the request ends: what the server says between two of them belongs to neither."""
    clear_contextvars()
