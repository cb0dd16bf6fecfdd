"""The WSGI entry point: what every server loads as `wsgi:app`, and what `flask` commands work on."""

import sys

from todo_service import create_app, startup
from todo_service.config import SettingError, Settings

try:
    settings = Settings.load()
except SettingError as error:
    sys.exit(f"todo_service cannot start: {error}")

app = create_app(settings)
startup.start_background_work(app, settings)
