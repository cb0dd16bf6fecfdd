"""How often a user may call (contract §7), counted by Flask-Limiter."""

import time

from flask import Flask, Response, current_app, g
from flask_limiter import Limiter
from limits import RateLimitItem, parse

from todo_service.config import Settings
from todo_service.errors import Problem


def init_app(app: Flask, settings: Settings) -> None:
    if not settings.rate_limit:
        return
    limiter = Limiter(key_func=lambda: "", storage_uri="memory://")
    limiter.init_app(app)
    app.extensions["user_rate"] = (limiter, parse(settings.rate_limit))

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers.extend(g.get("rate_headers", {}))
        return response


def spend(user_id: str) -> None:
    """Count a request of this user's.

    Raises:
        Problem: 429, the user has used up what one window allows.
    """
    if "user_rate" not in current_app.extensions:
        return
    limiter: Limiter
    rate: RateLimitItem
    limiter, rate = current_app.extensions["user_rate"]
    allowed = limiter.limiter.hit(rate, user_id)
    window = limiter.limiter.get_window_stats(rate, user_id)
    g.rate_headers = {
        "X-RateLimit-Limit": str(rate.amount),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": str(int(window.reset_time)),
    }
    if not allowed:
        wait = str(max(1, int(window.reset_time - time.time()) + 1))
        detail = "Too many requests; please wait a moment."
        raise Problem(429, "rate_limited", detail, headers={"Retry-After": wait})
