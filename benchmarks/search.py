"""Words sought among more and more tasks: what the first page takes of the database's time.

The service makes the statement; then the driver alone sends it again and again, until all rows are there.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from psycopg2.extensions import set_wait_callback
from sqlalchemy import Engine, create_engine, event, insert, select

from benchmarks import data
from benchmarks.cluster import Cluster
from tests.people import SECRET, Person, body
from tests.service import run
from todo_service import create_app
from todo_service.config import Settings
from todo_service.extensions import db
from todo_service.models import Task, User

SIZES = [1_000, 10_000, 100_000]  # tasks of one user
SEEKER = 3_000_000  # the number of the first user who has that many
TURNS = 9
AT_ONCE = 10_000  # rows that are copied

# What is sought in titles like "What is to be done, number 7", half of them with a description.
WORDS: dict[str, Callable[[int], str]] = {
    "in every other task": lambda _: "describe",
    "in one task": lambda size: str(size - 1),
    "in no task": lambda _: "nowhere",
    "two words, in one task": lambda size: f"done {size - 1}",
}

# One user's tasks lie all over the table, as they do when many people write at the same time.
SHUFFLE = """
    CREATE INDEX shuffled ON tasks (md5(id::text));
    CLUSTER tasks USING shuffled;
    DROP INDEX shuffled;
"""

Searches = dict[
    str, dict[str, dict[str, dict[str, float]]]
]  # by database, rows, tasks and word: milliseconds


def search(cluster: Cluster, rows: int) -> Searches:
    """Words in lists of all sizes: in a table of 100,000 rows, and in one of as many as are asked for."""
    found: Searches = {"PostgreSQL": {}, "SQLite": {}}
    for size in sorted({data.USERS * data.TASKS_EACH, rows}):
        database = cluster.filled("service")
        with cluster.cursor(database) as cursor:
            if size > data.USERS * data.TASKS_EACH:
                data.fill(cursor, "service", data.USERS + 1, size // data.TASKS_EACH, data.TASKS_EACH)
            for user, tasks in enumerate(SIZES, SEEKER):
                data.fill(cursor, "service", user, user, tasks)
            cursor.execute(SHUFFLE)
            cursor.execute("VACUUM (ANALYZE) tasks")
        url = cluster.url(database)
        found["PostgreSQL"][str(size)] = of_all_lists(url, f"PostgreSQL, {size:,} rows")
        with tempfile.TemporaryDirectory(prefix="todo-bench-") as directory:
            copy = f"sqlite:///{directory}/todo.db"
            run("flask", "db", "upgrade", DATABASE_URL=copy, BETTER_AUTH_SECRET=SECRET).check_returncode()
            fill_from(url, copy)
            found["SQLite"][str(size)] = of_all_lists(copy, f"SQLite, {size:,} rows")
    return found


def fill_from(url: str, copy: str) -> None:
    """Give one database the users and tasks of the other."""
    source, target = create_engine(url), create_engine(copy)
    with source.connect() as reader, target.begin() as writer:
        for table in (User.__table__, Task.__table__):
            result = reader.execution_options(yield_per=AT_ONCE).execute(select(table))
            for part in result.mappings().partitions():
                writer.execute(insert(User if table is User.__table__ else Task), [dict(row) for row in part])
    with target.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    source.dispose()
    target.dispose()


def of_all_lists(url: str, what: str) -> dict[str, dict[str, float]]:
    settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": url, "RATE_LIMIT": "", "LOG_LEVEL": "WARNING"}
    app = create_app(Settings.from_environ(settings))
    found: dict[str, dict[str, float]] = {}
    with app.app_context():
        for user, tasks in enumerate(SIZES, SEEKER):
            seeker = Person(app.test_client(), data.user_id(user))
            found[str(tasks)] = {
                title: milliseconds(db.engine, *sent(db.engine, seeker, word(tasks)))
                for title, word in WORDS.items()
            }
            told = ", ".join(f"{time:.1f} ms {title}" for title, time in found[str(tasks)].items())
            print(f"  {what}, {tasks:,} tasks: {told}", flush=True)
        db.engine.dispose()
    set_wait_callback(None)  # the service's deadlines are the whole process's, and tables take longer to fill
    return found


def sent(engine: Engine, seeker: Person, words: str) -> tuple[str, Any]:
    """The statement, with its values, by which the service finds the first page."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    answer = seeker.get(f"/api/tasks?q={words}&limit=50")
    event.remove(engine, "before_cursor_execute", note)
    assert answer.status_code == 200, answer.text
    assert len(body(answer)) in (0, 1, 50), len(body(answer))
    return statements[-1]


def milliseconds(engine: Engine, statement: str, parameters: Any) -> float:
    """What it takes at least until the last row is there; all is in memory, and other load only adds."""
    times = []
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        if engine.dialect.name == "postgresql":
            cursor.execute("SET max_parallel_workers_per_gather = 0")  # as for all statements of the service
        for _ in range(TURNS):
            began = time.perf_counter()
            cursor.execute(statement, parameters)
            cursor.fetchall()
            times.append(1000 * (time.perf_counter() - began))
    return min(times)
