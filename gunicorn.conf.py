"""How gunicorn serves the application; `gunicorn wsgi:app` reads this by itself."""

import gc
import os
import shutil
import sys
import tempfile
import threading
from typing import Any

# Where the workers share what they count: has to be known before anything is counted, and so before the
# service is imported; a reload finds it there already.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="todo-service-metrics-")

from todo_service import logs, metrics, schema_version
from todo_service.config import SettingError, Settings

try:
    settings = Settings.load()
except SettingError as error:
    sys.exit(f"todo_service cannot start: {error}")

logs.configure(settings)

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.workers
# Threads: a request mostly waits for the database, and never, in a thread, for its client.
worker_class = "gthread"
threads = settings.threads
worker_connections = 800  # of a process that may have 1024 files open, among them the database's
preload_app = False  # each worker opens its own database connections, after the fork

keepalive = 75  # seconds; longer than the load balancers in front, so that they close first
timeout = 30  # seconds a worker may seem dead; every wait of ours ends sooner
graceful_timeout = 30  # seconds that running requests get at a stop

limit_request_line = 8190  # bytes
limit_request_fields = 100
limit_request_field_size = 16 * 1024 + 256  # a value of 16 KiB and its name: tokens can be long

forwarder_headers = ""  # no client may rewrite the path by sending SCRIPT_NAME or PATH_INFO
forwarded_allow_ips = ""  # nor anybody the scheme, which nothing here asks for
control_socket_disable = True


errorlog = None  # its own events go where all others do, by the handler of `logs.configure`


def on_starting(_server: Any) -> None:
    if settings.metrics_port:
        try:
            metrics.serve(settings.host, settings.metrics_port)
        except OSError as error:
            sys.exit(f"todo_service cannot start: METRICS_PORT {settings.metrics_port}: {error.strerror}")


def child_exit(_server: Any, worker: Any) -> None:
    metrics.forget(worker.pid)


def on_exit(_server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def pre_request(_worker: Any, request: Any) -> None:
    """Announce that the connection ends with the answer, where that may leave much of a body unread.

    gunicorn reads up to 64 KiB of an unread body away and closes the connection on more; a client that
    was not told would lose the request it sends next.
    """
    fields = dict(request.headers)
    if "TRANSFER-ENCODING" in fields or int(fields.get("CONTENT-LENGTH", 0)) > 64 * 1024:
        request.force_close()


def post_worker_init(worker: Any) -> None:
    """See to the schema, beside the requests: neither a database that is away nor a long migration by
    another process may keep the worker from answering /health."""
    gc.freeze()  # what is there now stays, and need not be gone through for garbage

    def prepare() -> None:
        with worker.wsgi.app_context():
            schema_version.prepare()

    threading.Thread(target=prepare, daemon=True).start()
