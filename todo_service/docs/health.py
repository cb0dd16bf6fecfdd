"""What is around the tasks: the front page, and whether the service lives and is ready (contract §7)."""

import math
import time
from threading import Lock

from flask import Blueprint, Flask, current_app, url_for
from marshmallow import fields

from todo_service.api.contract import returns
from todo_service.api.schemas import Output
from todo_service.config import VERSION
from todo_service.db import deadlines, schema_version
from todo_service.db.availability import NotReady

blueprint = Blueprint("health", __name__)

CACHE_SECONDS = 1

LINKS = {
    "tasks": "tasks.list_tasks",
    "health": "health.alive",
    "ready": "health.ready",
    "openapi": "docs.openapi_document",
    "docs": "docs.docs_page",
}


class LinksSchema(Output):
    """Where things are."""

    tasks = fields.String(metadata={"examples": ["/api/tasks"]})
    health = fields.String(metadata={"examples": ["/health"]})
    ready = fields.String(metadata={"examples": ["/health/ready"]})
    openapi = fields.String(metadata={"examples": ["/openapi.json"]})
    docs = fields.String(metadata={"examples": ["/docs"]})


class IndexSchema(Output):
    """What this is, and where to go from here."""

    name = fields.String(metadata={"examples": ["todo-service"]})
    version = fields.String(metadata={"examples": [VERSION]})
    links = fields.Nested(LinksSchema)


class HealthSchema(Output):
    """How the service is."""

    status = fields.String(metadata={"enum": ["healthy", "ready"], "examples": ["healthy"]})


def init_app(app: Flask) -> None:
    app.extensions["readiness"] = Readiness()
    app.register_blueprint(blueprint)


@blueprint.get("/")
@returns(IndexSchema())
def index() -> dict[str, object]:
    """Say what this is. The links tell where to go from here."""
    links = {name: url_for(endpoint) for name, endpoint in LINKS.items()}
    return {"name": "todo-service", "version": VERSION, "links": links}


@blueprint.get("/health")
@returns(HealthSchema())
def alive() -> dict[str, str]:
    """Say that the process lives. Touches no database."""
    return {"status": "healthy"}


@blueprint.get("/health/ready")
@returns(HealthSchema(), refuses=(503,))
def ready() -> dict[str, str]:
    """Say whether requests can be served. They can while the database answers, can be written and has the
    code's schema."""
    readiness: Readiness = current_app.extensions["readiness"]
    readiness.require()
    return {"status": "ready"}


class Readiness:
    """Whether requests can be served. One request at a time looks; what it saw is what the others hear for a
    second, so that asking often costs nothing, and a database that hangs holds one thread only."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.checked_at = -math.inf
        self.problem: str | None = "Nobody has looked yet."

    def require(self) -> None:
        """
        Raises:
            NotReady: requests cannot be served, or could not be a moment ago.
        """
        if self.lock.acquire(blocking=False):
            try:
                if time.monotonic() - self.checked_at > CACHE_SECONDS:
                    self.problem = self.check()
                    self.checked_at = time.monotonic()
            finally:
                self.lock.release()
        if self.problem:
            raise NotReady(self.problem)

    def check(self) -> str | None:
        """What is wrong, in a sentence; None if nothing is."""
        with deadlines.answer_within(deadlines.CONNECT_SECONDS):
            try:
                schema_version.require_current()
            except NotReady as error:
                return error.detail
            # It was so once. Somebody may have migrated since, or another host be the primary.
            return schema_version.run_check(schema_version.require_writable)
