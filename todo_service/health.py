"""What is around the tasks: the front page, and whether the service lives and is ready (contract §7)."""

import logging
import math
import time
from threading import Lock

from flask import Blueprint, Flask, current_app

from todo_service import deadlines, schema_version
from todo_service.config import VERSION
from todo_service.contract import returns
from todo_service.database import is_unavailable, reason
from todo_service.errors import UNAVAILABLE, Problem, unavailable
from todo_service.listing import current_revision
from todo_service.service_schemas import HealthSchema, IndexSchema

blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)

REMEMBERED_SECONDS = 1

INDEX: dict[str, object] = {
    "name": "todo-service",
    "version": VERSION,
    "links": {
        "tasks": "/api/tasks",
        "health": "/health",
        "ready": "/health/ready",
        "openapi": "/openapi.json",
        "docs": "/docs",
    },
}


def init_app(app: Flask) -> None:
    app.extensions["readiness"] = Readiness()
    app.register_blueprint(blueprint)


@blueprint.get("/")
@returns(IndexSchema())
def index() -> dict[str, object]:
    """Say what this is and where to go from here."""
    return INDEX


@blueprint.get("/health")
@returns(HealthSchema())
def alive() -> dict[str, str]:
    """Say that the process lives. Touches no database."""
    return {"status": "healthy"}


@blueprint.get("/health/ready")
@returns(HealthSchema(), refuses=(503,))
def ready() -> dict[str, str]:
    """Say whether requests can be served: the database answers and its schema is the code's."""
    readiness: Readiness = current_app.extensions["readiness"]
    readiness.require()
    return {"status": "ready"}


class Readiness:
    """Whether requests can be served. One request at a time looks; what it saw is what the others hear for a
    second, so that asking often costs nothing, and a database that hangs holds one thread only."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.looked_at = -math.inf
        self.problem: str | None = "Nobody has looked yet."

    def require(self) -> None:
        """
        Raises:
            Problem: 503, requests cannot be served, or could not be a moment ago.
        """
        if self.lock.acquire(blocking=False):
            try:
                if time.monotonic() - self.looked_at > REMEMBERED_SECONDS:
                    self.problem = self.look()
                    self.looked_at = time.monotonic()
            finally:
                self.lock.release()
        if self.problem:
            raise unavailable(self.problem)

    def look(self) -> str | None:
        """What is wrong, in a sentence; None if nothing is."""
        try:
            with deadlines.limit(deadlines.CONNECT_SECONDS):
                schema_version.require_current()
                if not schema_version.is_current():  # it was, but somebody has migrated since
                    raise schema_version.not_current()
                current_revision("")  # a statement like those of all requests
        except Problem as problem:
            return problem.detail
        except Exception as error:
            if not is_unavailable(error):
                raise
            log.warning("Not ready: %s", reason(error))
            return UNAVAILABLE
        return None
