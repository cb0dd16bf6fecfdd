"""The tasks in the databases: the same for everybody, and known by their numbers without being asked for."""

from psycopg2.extensions import cursor

USERS = 2_000
TASKS_EACH = 50


def user_id(user: int) -> str:
    return f"user-{user:08}"


def task_id(user: int, number: int) -> str:
    """The id of a user's task: like every UUIDv7, it sorts by time."""
    digits = f"{number * 2_000_000 + user:012x}70008000{number:012x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# Titles have 30 characters or so, every other task a description of 100; 60 % are completed, two of three
# due. Written in the order of time, so the tasks of one user lie scattered over the table, as in life.
MADE = """
    WITH numbered AS (
        SELECT 'user-' || lpad(u::text, 8, '0') AS user_id, t,
               lpad(to_hex(t::bigint * 2000000 + u), 12, '0') AS time,
               timestamp '2020-01-01' + t * interval '7 minutes' + u * interval '1 millisecond' AS created_at
        FROM generate_series(1, %(tasks)s) t, generate_series(%(first)s, %(last)s) u
        ORDER BY t, u
    ), made AS (
        SELECT user_id, (time || '70008000' || lpad(to_hex(t), 12, '0'))::uuid AS id, t, created_at,
               format('What is to be done, number %%s', t) AS title,
               CASE WHEN mod(t, 2) = 0 THEN repeat('Describe it. ', 8) END AS description,
               mod(t, 5) < 3 AS completed,
               nullif(mod(t, 4), 0) AS priority,
               CASE WHEN mod(t, 3) > 0 THEN created_at + mod(t * 7919, 999) * interval '1 hour' END AS due
        FROM numbered
    )
"""

SERVICE_USERS = """
    INSERT INTO users (id, email, name, revision, created_at)
    SELECT 'user-' || lpad(u::text, 8, '0'), format('user-%%s@example.com', u), format('User %%s', u),
           %(tasks)s, timestamp '2020-01-01'
    FROM generate_series(%(first)s, %(last)s) u
"""

SERVICE_TASKS = f"""{MADE}
    INSERT INTO tasks (user_id, id, title, title_key, description, search_text, completed, completed_at,
                       priority, due_date, created_at, updated_at, revision, position)
    SELECT user_id, id, title, lower(title), description, lower(title || E'\\n' || coalesce(description, '')),
           completed, CASE WHEN completed THEN created_at + interval '1 hour' END,
           priority, due, created_at, created_at, t,
           lpad(to_hex(9223372036854775807 - t), 16, '0') || 'i'
    FROM made
"""

# What a tutorial's `create_all` makes of its model.
PLAIN_SCHEMA = """
    CREATE TABLE tasks (
        id uuid PRIMARY KEY,
        user_id varchar(255) NOT NULL,
        title varchar(200) NOT NULL,
        description varchar(1000),
        completed boolean NOT NULL,
        priority varchar(10),
        due_date timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    );
    CREATE INDEX ix_tasks_user_id ON tasks (user_id)
"""

PLAIN_TASKS = f"""{MADE}
    INSERT INTO tasks
    SELECT id, user_id, title, description, completed, (ARRAY['low', 'medium', 'high'])[priority],
           due AT TIME ZONE 'UTC', created_at AT TIME ZONE 'UTC', created_at AT TIME ZONE 'UTC'
    FROM made
"""

SECONDARY_INDEXES = """
    SELECT format('DROP INDEX %I', indexname), indexdef FROM pg_indexes
    WHERE tablename = 'tasks' AND indexname LIKE 'ix%'
"""

REFERENCES = """
    SELECT format('ALTER TABLE tasks DROP CONSTRAINT %I', conname),
           format('ALTER TABLE tasks ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = 'tasks'::regclass AND contype = 'f'
"""


def fill(database: cursor, schema: str, first: int, last: int, tasks: int) -> None:
    """Give the users of these numbers so many tasks each.

    Indexes and references are put back at the end, which takes a tenth of the time for millions of rows.
    """
    numbers = {"first": first, "last": last, "tasks": tasks}
    database.execute(f"{SECONDARY_INDEXES} UNION ALL {REFERENCES}")
    aside = database.fetchall()
    for drop, _ in aside:
        database.execute(drop)
    if schema == "service":
        database.execute(SERVICE_USERS, numbers)
    database.execute({"service": SERVICE_TASKS, "plain": PLAIN_TASKS}[schema], numbers)
    for _, put_back in aside:
        database.execute(put_back)
    database.execute("VACUUM (ANALYZE)")
    database.execute("CHECKPOINT")
