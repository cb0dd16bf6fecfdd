"""Server or command: whether this process answers requests."""

import click
from flask.cli import ScriptInfo, run_command


def is_serving() -> bool:
    """Whether it is a server that loads the application: gunicorn, Granian, `flask run` or any other.

    What else loads it are other commands of Flask's, like `flask db upgrade`, and tells itself by the
    context of the command (https://click.palletsprojects.com/en/stable/api/#click.get_current_context).
    """
    context = click.get_current_context(silent=True)
    is_flask = context is not None and context.find_object(ScriptInfo) is not None
    return not is_flask or (context is not None and context.command is run_command)
