"""How gunicorn serves the application; `gunicorn wsgi:app` reads this by itself.

Stock gunicorn (https://gunicorn.org/reference/settings): what is not set here keeps its default. So
`http_parser` is "auto", which takes the parser in C where `gunicorn_h1c` is installed.
"""

import sys

from todo_service.config import SettingError, Settings
from todo_service.ops import logs

try:
    settings = Settings.load()
except SettingError as error:
    sys.exit(f"todo_service cannot start: {error}")

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.workers
worker_class = "gthread"  # a request mostly waits for the database
threads = 128  # of which most wait: for the client, or for their turn (todo_service/fair_share.py)
worker_connections = 800  # of a process that may have 1024 files open, among them the database's

keepalive = 75  # seconds; longer than the proxies in front, so that they close first
timeout = 30  # seconds a worker may seem dead; every wait of ours ends sooner
graceful_timeout = 30  # seconds that running requests get at a stop

limit_request_line = 8190  # bytes
limit_request_fields = 100
limit_request_field_size = 16 * 1024 + 256  # a value of 16 KiB and its name: tokens can be long

forwarder_headers = ""  # no client may rewrite the path by sending SCRIPT_NAME or PATH_INFO
forwarded_allow_ips = ""  # nor anybody the scheme, which nothing here asks for
control_socket_disable = True

# gunicorn's own events go where all others do, in the same form: by the handler of `logs.configure`.
logs.configure(settings)
errorlog = None
