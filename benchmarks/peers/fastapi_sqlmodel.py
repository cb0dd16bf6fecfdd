"""FastAPI and SQLModel, as their tutorials put them together. Served by uvicorn, which brings uvloop."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Field, Session, SQLModel, col, create_engine, select

SECRET = os.environ["BETTER_AUTH_SECRET"]
DATABASE_URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")

app = FastAPI()
engine = create_engine(DATABASE_URL, pool_pre_ping=True)
bearer = HTTPBearer()

Priority = Literal["low", "medium", "high"]


def now() -> datetime:
    return datetime.now(UTC)


class TaskCreate(SQLModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=1000)
    priority: Priority | None = None
    due_date: datetime | None = None


class Task(SQLModel, table=True):  # type: ignore[call-arg]  # where SQLModel is not installed
    __tablename__ = "tasks"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: str = Field(index=True)
    title: str = Field(max_length=200)
    description: str | None = Field(default=None, max_length=1000)
    completed: bool = False
    priority: str | None = None
    due_date: datetime | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


class TaskRead(SQLModel):
    id: UUID
    user_id: str
    title: str
    description: str | None
    completed: bool
    priority: str | None
    due_date: datetime | None
    created_at: datetime
    updated_at: datetime


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


async def get_current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, ["HS256"], {"require": ["exp", "sub"]})
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Invalid token") from None
    return str(claims["sub"])


SessionDep = Annotated[Session, Depends(get_session)]
UserDep = Annotated[str, Depends(get_current_user)]


def get_own_task(session: Session, id: UUID, user_id: str) -> Task:
    task: Task | None = session.exec(select(Task).where(Task.id == id, Task.user_id == user_id)).first()
    if task is None:
        raise HTTPException(404, "Task not found")
    return task


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/tasks", response_model=list[TaskRead])
async def list_tasks(
    session: SessionDep,
    user_id: UserDep,
    status: Literal["all", "pending", "completed"] = "all",
    sort: Literal["created", "due_date", "title"] = "created",
) -> Any:
    statement = select(Task).where(Task.user_id == user_id)
    if status != "all":
        statement = statement.where(Task.completed == (status == "completed"))
    orders: dict[str, Any] = {
        "created": col(Task.created_at).desc(),
        "due_date": Task.due_date,
        "title": Task.title,
    }
    return session.exec(statement.order_by(orders[sort])).all()


@app.post("/api/tasks", response_model=TaskRead, status_code=201)
async def create_task(fields: TaskCreate, session: SessionDep, user_id: UserDep) -> Any:
    task = Task(**fields.model_dump(), user_id=user_id)
    session.add(task)
    session.commit()
    session.refresh(task)
    return task


@app.get("/api/tasks/{id}", response_model=TaskRead)
async def read_task(id: UUID, session: SessionDep, user_id: UserDep) -> Any:
    return get_own_task(session, id, user_id)


@app.patch("/api/tasks/{id}/complete", response_model=TaskRead)
async def toggle_task(id: UUID, session: SessionDep, user_id: UserDep) -> Any:
    task = get_own_task(session, id, user_id)
    task.completed = not task.completed
    task.updated_at = now()
    session.add(task)
    session.commit()
    session.refresh(task)
    return task
