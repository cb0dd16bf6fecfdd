"""FastAPI with async SQLAlchemy on asyncpg, as their manuals show them. Served by uvicorn, with uvloop."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import DateTime, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = os.environ["BETTER_AUTH_SECRET"]
DATABASE_URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:")

app = FastAPI()
engine = create_async_engine(DATABASE_URL, pool_pre_ping=True)
# What was committed is still what it was: to read it again would await something in the middle of an answer.
new_session = async_sessionmaker(engine, expire_on_commit=False)
bearer = HTTPBearer()


def now() -> datetime:
    return datetime.now(UTC)


Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[str] = mapped_column(String(255), index=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(String(1000))
    completed: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[str | None] = mapped_column(String(10))
    due_date: Mapped[Moment | None]
    created_at: Mapped[Moment] = mapped_column(default=now)
    updated_at: Mapped[Moment] = mapped_column(default=now, onupdate=now)


class TaskCreate(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=1000)
    priority: Literal["low", "medium", "high"] | None = None
    due_date: datetime | None = None


class TaskRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: str
    title: str
    description: str | None
    completed: bool
    priority: str | None
    due_date: datetime | None
    created_at: datetime
    updated_at: datetime


async def get_session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


async def get_current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, ["HS256"], {"require": ["exp", "sub"]})
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Invalid token") from None
    return str(claims["sub"])


SessionDep = Annotated[AsyncSession, Depends(get_session)]
UserDep = Annotated[str, Depends(get_current_user)]

ORDERS: dict[str, Any] = {
    "created": Task.created_at.desc(),
    "due_date": Task.due_date,
    "title": Task.title,
}


async def get_own_task(session: AsyncSession, id: UUID, user_id: str) -> Task:
    task = await session.scalar(select(Task).where(Task.id == id, Task.user_id == user_id))
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
    return (await session.scalars(statement.order_by(ORDERS[sort]))).all()


@app.post("/api/tasks", response_model=TaskRead, status_code=201)
async def create_task(fields: TaskCreate, session: SessionDep, user_id: UserDep) -> Any:
    task = Task(**fields.model_dump(), user_id=user_id)
    session.add(task)
    await session.commit()
    return task


@app.get("/api/tasks/{id}", response_model=TaskRead)
async def read_task(id: UUID, session: SessionDep, user_id: UserDep) -> Any:
    return await get_own_task(session, id, user_id)


@app.patch("/api/tasks/{id}/complete", response_model=TaskRead)
async def toggle_task(id: UUID, session: SessionDep, user_id: UserDep) -> Any:
    task = await get_own_task(session, id, user_id)
    task.completed = not task.completed
    await session.commit()
    return task
