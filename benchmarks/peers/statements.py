"""The one statement that each call needs at least, on the service's own tables.

The floors send them, and pgbench does with nothing around them. A write raises its user's counter, as the
service does: without it devices could not follow.
"""

SHOWN = (
    "user_id",
    "id",
    "title",
    "description",
    "completed",
    "priority",
    "due_date",
    "created_at",
    "updated_at",
)

COLUMNS = ", ".join(SHOWN).replace("priority", "(ARRAY['low', 'medium', 'high'])[priority] AS priority")

LIST = f"SELECT {COLUMNS} FROM tasks WHERE user_id = %s ORDER BY created_at DESC, id DESC LIMIT 1001"

FIND = f"""
    SELECT {COLUMNS} FROM tasks WHERE user_id = %s AND NOT completed
    ORDER BY due_date, created_at DESC, id DESC LIMIT 1001
"""

GET = f"SELECT {COLUMNS} FROM tasks WHERE user_id = %s AND id = %s"

RAISE = "UPDATE users SET revision = revision + 1 WHERE id = %s RETURNING id AS owner, revision AS raised"

CREATE = f"""
    WITH write AS ({RAISE})
    INSERT INTO tasks (user_id, id, title, title_key, description, search_text, completed, priority,
                       created_at, updated_at, revision)
    SELECT owner, %s::uuid, sent.title, lower(sent.title), sent.description,
           lower(sent.title || E'\\n' || coalesce(sent.description, '')), false, %s::smallint,
           now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', raised
    FROM write, (VALUES (%s::text, %s::text)) AS sent (title, description)
    RETURNING {COLUMNS}
"""

TOGGLE = f"""
    WITH write AS ({RAISE})
    UPDATE tasks SET completed = NOT completed, revision = raised, updated_at = now() AT TIME ZONE 'UTC',
        completed_at = CASE WHEN NOT completed THEN now() AT TIME ZONE 'UTC' END
    FROM write WHERE user_id = owner AND id = %s
    RETURNING {COLUMNS}
"""
