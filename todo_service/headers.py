"""Response headers that every answer has: caching, security, CORS (contract §1 and §7)."""

import logging
import re
from http import HTTPStatus

from flask import Flask, Response, current_app, request

from todo_service.api.contract import Takes
from todo_service.auth import rate_limit
from todo_service.config import Settings
from todo_service.extensions import cors
from todo_service.ops.request_ids import request_id

log = logging.getLogger(__name__)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
EXPOSED = (
    "Content-Disposition, ETag, Idempotency-Replayed, Link, Location, Retry-After, WWW-Authenticate, "
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id, X-Total-Count"
)
PREFLIGHT_SECONDS = 600
LONGEST_ORIGIN = 200  # characters that the log repeats

# Whatever an answer holds, a browser is to take it for data: not to run, guess at, frame or embed it. (To
# demand https, by Strict-Transport-Security, is for the proxy that speaks it.)
DEFAULT_HEADERS = {
    "Vary": "Authorization, Origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",  # of scripts' fetch it is CORS that decides
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def init_app(app: Flask, settings: Settings) -> None:
    app.after_request(set_headers)  # after Flask-Cors, as of these the last named comes first
    anyone = settings.allowed_origins == ("*",)
    cors.init_app(
        app,
        origins="*" if anyone else [origin_pattern(origin) for origin in settings.allowed_origins],
        send_wildcard=anyone,
        supports_credentials=not anyone,
        methods=METHODS,
        allow_headers="*",  # tracing libraries add theirs
        expose_headers=EXPOSED,
        max_age=PREFLIGHT_SECONDS,
        vary_header=False,  # it stands on every answer
        always_send=False,
    )


def origin_pattern(origin: str) -> re.Pattern[str]:
    """A pattern for this origin alone, or for all that a leading `*.` stands for: subdomains, however deep.
    Flask-Cors would take a plain `[::1]` for a set of characters."""
    pattern = re.escape(origin).replace(r"://\*\.", r"://([a-z0-9_-]+\.)+")
    return re.compile(pattern + r"\Z", re.IGNORECASE)


def accepted_media_types(method: str) -> tuple[str, ...]:
    """The media types that this address takes with a method that it has."""
    endpoint, _ = current_app.url_map.bind_to_environ(request.environ).match(method=method)
    takes: Takes = vars(current_app.view_functions[endpoint])["takes"]
    return takes.media_types


def set_headers(response: Response) -> Response:
    """Set what every answer has and this one has not; log a refused origin."""
    headers = response.headers
    # Reads may be kept and must be checked; writes and errors are not kept.
    is_read = request.method in ("GET", "HEAD") and response.status_code < 400
    defaults = {"Cache-Control": "private, no-cache" if is_read else "no-store", **DEFAULT_HEADERS}
    present = {name.lower() for name in headers.keys()}  # noqa: SIM118  # iteration gives pairs
    headers.extend({name: value for name, value in defaults.items() if name.lower() not in present})
    headers.extend({"X-Request-Id": request_id(), **rate_limit.headers()})
    if allowed := headers.get("Allow"):  # a set, which has no order of its own
        headers["Allow"] = ", ".join(sorted(allowed.split(", ")))
    is_no_patch = request.method == "PATCH" and response.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if is_no_patch or "PATCH" in headers.get("Allow", ""):
        headers["Accept-Patch"] = ", ".join(accepted_media_types("PATCH"))  # RFC 5789 §2.2 and §3.1
    origin = request.headers.get("Origin", "")
    is_own = origin.partition("://")[2] == request.host  # /docs, which needs no leave
    if origin and not is_own and "Access-Control-Allow-Origin" not in headers:
        log.info("origin not allowed: %s", origin[:LONGEST_ORIGIN])
    return response
