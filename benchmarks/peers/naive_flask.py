"""Flask with its usual extensions, each as its own manual shows it."""

import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required
from flask_sqlalchemy import SQLAlchemy
from marshmallow import Schema, ValidationError, fields, validate

DATABASE_URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
app.config["JWT_SECRET_KEY"] = os.environ["BETTER_AUTH_SECRET"]

db = SQLAlchemy(app)
JWTManager(app)


def now() -> datetime:
    return datetime.now(UTC)


class Task(db.Model):  # type: ignore[name-defined]  # made at run time
    __tablename__ = "tasks"

    id = db.Column(db.Uuid, primary_key=True, default=uuid4)
    user_id = db.Column(db.String(255), nullable=False, index=True)
    title = db.Column(db.String(200), nullable=False)
    description = db.Column(db.String(1000))
    completed = db.Column(db.Boolean, nullable=False, default=False)
    priority = db.Column(db.String(10))
    due_date = db.Column(db.DateTime(timezone=True))
    created_at = db.Column(db.DateTime(timezone=True), nullable=False, default=now)
    updated_at = db.Column(db.DateTime(timezone=True), nullable=False, default=now, onupdate=now)


class TaskSchema(Schema):
    id = fields.UUID(dump_only=True)
    user_id = fields.String(dump_only=True)
    title = fields.String(required=True, validate=validate.Length(1, 200))
    description = fields.String(allow_none=True, validate=validate.Length(max=1000))
    completed = fields.Boolean(dump_only=True)
    priority = fields.String(allow_none=True, validate=validate.OneOf(["low", "medium", "high"]))
    due_date = fields.DateTime(allow_none=True)
    created_at = fields.DateTime(dump_only=True)
    updated_at = fields.DateTime(dump_only=True)


task_schema = TaskSchema()
tasks_schema = TaskSchema(many=True)

SORTS = {"created": Task.created_at.desc(), "due_date": Task.due_date, "title": Task.title}


@app.errorhandler(ValidationError)
def invalid(error: ValidationError) -> ResponseReturnValue:
    return jsonify(errors=error.messages), 400


def own_task(id: UUID) -> Any:
    return Task.query.filter_by(id=id, user_id=get_jwt_identity()).first_or_404()


@app.get("/health")
def health() -> ResponseReturnValue:
    return jsonify(status="ok")


@app.get("/api/tasks")
@jwt_required()
def list_tasks() -> ResponseReturnValue:
    query = Task.query.filter_by(user_id=get_jwt_identity())
    if status := request.args.get("status"):
        query = query.filter_by(completed=status == "completed")
    tasks = query.order_by(SORTS[request.args.get("sort", "created")]).all()
    return jsonify(tasks_schema.dump(tasks))


@app.post("/api/tasks")
@jwt_required()
def create_task() -> ResponseReturnValue:
    task = Task(user_id=get_jwt_identity(), **task_schema.load(request.get_json()))
    db.session.add(task)
    db.session.commit()
    return jsonify(task_schema.dump(task)), 201


@app.get("/api/tasks/<uuid:id>")
@jwt_required()
def read_task(id: UUID) -> ResponseReturnValue:
    return jsonify(task_schema.dump(own_task(id)))


@app.patch("/api/tasks/<uuid:id>/complete")
@jwt_required()
def toggle_task(id: UUID) -> ResponseReturnValue:
    task = own_task(id)
    task.completed = not task.completed
    db.session.commit()
    return jsonify(task_schema.dump(task))
