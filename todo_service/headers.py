"""Header fields of every answer: caching, security, and CORS as browsers need it (contract §1 and §7)."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Response, request

from todo_service import rate_limit
from todo_service.config import Settings
from todo_service.extensions import cors
from todo_service.logs import request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
SENT = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
    "traceparent",
    "tracestate",
]
READ = [
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
    "X-Total-Count",
]
PREFLIGHT_SECONDS = 600

# Whatever an answer holds, a browser is to take it for data: not to run, guess at, frame or embed it. (To
# demand https, by Strict-Transport-Security, is for the proxy that speaks it.)
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",  # of scripts' fetch it is CORS that decides
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
USUAL = [("Cache-Control", "no-store"), ("Vary", "Authorization, Origin"), *SECURITY.items()]
USUAL_WHEN_READ = [("Cache-Control", "private, no-cache"), *USUAL[1:]]


def init_app(app: Flask, settings: Settings) -> None:
    anyone = settings.allowed_origins == ("*",)
    cors.init_app(
        app,
        origins="*" if anyone else [exactly(origin) for origin in settings.allowed_origins],
        send_wildcard=anyone,
        supports_credentials=not anyone,
        methods=METHODS,
        allow_headers=SENT,
        expose_headers=READ,
        max_age=PREFLIGHT_SECONDS,
        vary_header=False,  # set below, on every answer
        always_send=False,
    )
    # Flask-Cors would look at each answer, and describe for a log what it saw; most name no origin.
    share = app.after_request_funcs[None].pop()

    @app.after_request
    def finish(response: Response) -> Response:
        environ = request.environ
        may_allow = response.status_code == 405 or environ["REQUEST_METHOD"] == "OPTIONS"
        if may_allow and (allowed := response.headers.get("Allow")):  # a set, which has no order of its own
            response.headers["Allow"] = ", ".join(sorted(allowed.split(", ")))
        return cast(Response, share(response)) if "HTTP_ORIGIN" in environ else response


def with_usual_fields(environ: "WSGIEnvironment", start_response: "StartResponse") -> "StartResponse":
    """Add what each answer has and this one has not. That is done at the very end, where the fields are a
    list, because Werkzeug checks each name and value anew, twice."""

    def start(status: str, fields: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        read = environ["REQUEST_METHOD"] in ("GET", "HEAD") and status < "4"
        usual = USUAL_WHEN_READ if read else USUAL
        given = dict(fields)
        own = [("X-Request-Id", request_id()), *rate_limit.headers().items()]
        added = [field for field in usual if field[0] not in given]
        return start_response(status, [*fields, *own, *added], *error)

    return start


def exactly(origin: str) -> re.Pattern[str]:
    """A pattern for this origin alone: Flask-Cors takes a plain `[::1]` for a set of characters."""
    return re.compile(re.escape(origin) + r"\Z", re.IGNORECASE)
