"""Commands for the shell: `flask token`, `flask prune`, `flask refold` and `flask users erase`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from flask_jwt_extended import create_access_token
from sqlalchemy.exc import SQLAlchemyError

from todo_service.account.erasure import erase
from todo_service.auth.bearer import LONGEST_SUBJECT
from todo_service.config import Settings
from todo_service.db import schema_version
from todo_service.db.availability import NotReady, reason
from todo_service.db.retention import prune_deletions, prune_responses
from todo_service.extensions import db
from todo_service.tasks.folding import refold
from todo_service.tasks.placement import place_all


def init_app(app: Flask, settings: Settings) -> None:
    app.cli.add_command(token)
    app.cli.add_command(prune)
    app.cli.add_command(refold_tasks)
    app.cli.add_command(users)
    app.extensions["deletions_lifetime"] = timedelta(days=settings.deletions_days)


@contextmanager
def database() -> Iterator[None]:
    """The database as a command needs it, made ready first if need be; what is wrong with it is one line."""
    try:
        schema_version.require_current(wait=None)
        yield
    except (NotReady, SQLAlchemyError) as error:
        raise click.ClickException(reason(error)) from error


@click.command()
@click.argument("user")
@click.option("--email", help="The user's e-mail address.")
@click.option("--name", help="The user's name.")
@click.option(
    "--expires",
    default=3600,
    show_default=True,
    type=click.IntRange(1, 366 * 24 * 3600),
    help="Seconds until it expires.",
)
@with_appcontext
def token(user: str, email: str | None, name: str | None, expires: int) -> None:
    """Print a token for USER, signed with the shared secret: for development and tests."""
    if not current_app.config["JWT_SECRET_KEY"]:
        raise click.ClickException(
            "BETTER_AUTH_SECRET is not set, and only the auth server can sign with its keys."
        )
    if not 0 < len(user) <= LONGEST_SUBJECT:
        raise click.ClickException(f"USER must be 1 to {LONGEST_SUBJECT} characters long.")
    claims = {"email": email, "name": name}
    click.echo(
        create_access_token(
            user,
            expires_delta=timedelta(seconds=expires),
            additional_claims={key: value for key, value in claims.items() if value},
        )
    )


@click.command()
@with_appcontext
def prune() -> None:
    """Remove stored answers older than IDEMPOTENCY_HOURS and deletions older than DELETIONS_DAYS.

    Works in small steps, and may run while the service does.
    """
    now, lifetimes = datetime.now(UTC), current_app.extensions
    with database():
        responses = prune_responses(now - lifetimes["idempotency_lifetime"])
        deletions = prune_deletions(now - lifetimes["deletions_lifetime"])
    click.echo(f"Removed {responses} stored responses and {deletions} deletions.")


@click.command("refold")
@with_appcontext
def refold_tasks() -> None:
    """Bring what tasks are searched and sorted by up to date with this version.

    That is the folding of their texts, and a position for those that an older version has made meanwhile.
    May run while the service does, and again.
    """
    with database(), db.engine.connect() as connection:
        refolded, placed = refold(connection), place_all(connection)
    click.echo(f"Refolded {refolded} tasks, and gave {placed} a position.")


users = AppGroup("users", help="Look after the people.")


@users.command("erase")
@click.argument("user")
def erase_user(user: str) -> None:
    """Erase all that is held of USER, for good, as `DELETE /api/account` does."""
    with database():
        is_erased = erase(user)
    if not is_erased:
        raise click.ClickException("Nothing is held of this user.")
    click.echo("Erased.")
