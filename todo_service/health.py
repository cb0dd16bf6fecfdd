"""What is around the tasks: the front page, and whether the service lives and is ready (contract §7)."""

from flask import Blueprint

from todo_service import schema_version
from todo_service.config import VERSION
from todo_service.contract import returns
from todo_service.schemas import HealthSchema, IndexSchema

blueprint = Blueprint("health", __name__)

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
@returns(HealthSchema())
def ready() -> dict[str, str]:
    """Say whether requests can be served: the database answers and its schema is the code's."""
    schema_version.require_current()
    if not schema_version.is_current():  # it was, but somebody has migrated since
        raise schema_version.not_current()
    return {"status": "ready"}
