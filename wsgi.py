"""The WSGI entry point: `gunicorn wsgi:app`, and what `flask` commands work on."""

import sys

from todo_service import create_app
from todo_service.config import SettingError

try:
    app = create_app()
except SettingError as error:
    sys.exit(f"todo_service cannot start: {error}")
