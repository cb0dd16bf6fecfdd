"""A multi-user todo API for web frontends that sign people in with Better Auth."""

from flask import Flask

from todo_service import cli, headers
from todo_service.account import views as account
from todo_service.api import json_body, problems
from todo_service.auth import bearer, client_address, rate_limit
from todo_service.config import Settings
from todo_service.db import engine, schema_version
from todo_service.docs import health, openapi, page
from todo_service.ops import logs, metrics, telemetry
from todo_service.tasks import batch, changes
from todo_service.tasks import views as tasks
from todo_service.writes import idempotency


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application; without `settings` they are read from the environment and `.env`.

    Raises:
        SettingError: a setting is missing or unusable.
    """
    settings = settings or Settings.load()
    app = Flask(__name__, static_folder=None)
    # A redirect to add or drop a slash would break CORS preflights.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False

    logs.configure(settings)
    metrics.init_app(app, settings)
    engine.init_app(app, settings)
    telemetry.init_app(app, settings)
    problems.init_app(app)
    json_body.init_app(app)
    client_address.init_app(app, settings)
    headers.init_app(app, settings)
    schema_version.init_app(app, settings)
    bearer.init_app(app, settings)
    rate_limit.init_app(app, settings)
    idempotency.init_app(app, settings)
    cli.init_app(app, settings)
    app.register_blueprint(tasks.blueprint)
    app.register_blueprint(batch.blueprint)
    app.register_blueprint(changes.blueprint)
    app.register_blueprint(account.blueprint)
    health.init_app(app)
    app.register_blueprint(page.blueprint)
    openapi.init_app(app)
    return app
