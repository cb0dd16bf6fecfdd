"""What a process does when it begins to serve, whichever server it is of."""

import gc
from collections.abc import Callable
from threading import Thread

from flask import Flask

from todo_service import exporter, schema_version
from todo_service.config import Settings
from todo_service.serving import is_serving


def begin(app: Flask, settings: Settings) -> None:
    """Start what runs beside the requests: in a server's process, but not for `flask token` and its like."""
    if not is_serving():
        return
    if settings.metrics_port:
        in_background(exporter.serve, settings.host, settings.metrics_port)
    in_background(prepare_schema, app)
    gc.freeze()  # what is there now stays, and need not be gone through for garbage


def in_background(work: Callable[..., None], *arguments: object) -> None:
    """Run it in a thread that holds up neither the start nor the end of the process."""
    Thread(target=work, args=arguments, daemon=True).start()


def prepare_schema(app: Flask) -> None:
    """Bring the schema up to date. Neither a database that is away nor a long migration by another process
    keeps this one from answering /health meanwhile."""
    with app.app_context():
        schema_version.prepare()
