"""Background work that a process starts when it begins to serve, whichever server it is of."""

import gc
from threading import Thread, Timer

from flask import Flask

from todo_service.config import Settings
from todo_service.ops import exporter
from todo_service.serving import is_serving

LISTENER_GRACE_SECONDS = (
    1  # second: whoever imports `wsgi.app`, to watch it say, has added its listeners by then
)


def start_background_work(app: Flask, settings: Settings) -> None:
    """Start what runs beside the requests: in a server's process, but not for `flask token` and its like."""
    if not is_serving():
        return
    if settings.metrics_port:
        start_daemon(Thread(target=exporter.serve, args=(settings.host, settings.metrics_port)))
    # Or sooner, with the first request. SQLAlchemy takes no listener while it tells others.
    start_daemon(Timer(LISTENER_GRACE_SECONDS, app.extensions["schema"].start_check))
    gc.freeze()  # what is there now stays, and need not be gone through for garbage


def start_daemon(thread: Thread) -> None:
    """Start a thread that holds up neither the start nor the end of the process."""
    thread.daemon = True
    thread.start()
