"""How gunicorn serves the application; `gunicorn wsgi:app` reads this by itself."""

import sys
from typing import Any

from todo_service import schema_version
from todo_service.config import SettingError, Settings

try:
    settings = Settings.load()
except SettingError as error:
    sys.exit(f"todo_service cannot start: {error}")

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.workers
# Threads: a request mostly waits for the database, and idle keep-alive connections need no thread.
worker_class = "gthread"
threads = settings.threads
preload_app = False  # each worker opens its own database connections, after the fork

keepalive = 75  # seconds; longer than the load balancers in front, so that they close first
timeout = 30  # seconds a worker may seem dead; every wait of ours ends sooner
graceful_timeout = 30  # seconds that running requests get at a stop

limit_request_line = 8190  # bytes
limit_request_fields = 100
limit_request_field_size = 16 * 1024 + 256  # a value of 16 KiB and its name: tokens can be long

forwarder_headers = ""  # no client may rewrite the path by sending SCRIPT_NAME or PATH_INFO
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """See to the schema before the first request; a database that is away must not stop the worker."""
    with worker.wsgi.app_context():
        schema_version.prepare()
