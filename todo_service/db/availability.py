"""Availability: which errors mean that the database is away, or not as we need it (contract §1: 503)."""

from psycopg2 import Error as PostgresError
from psycopg2.errors import (
    InsufficientPrivilege,
    InvalidSchemaName,
    LockNotAvailable,
    ReadOnlySqlTransaction,
    UndefinedColumn,
    UndefinedTable,
    UntranslatableCharacter,
)
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

UNAVAILABLE = "The database is not available at the moment."
OTHER_SCHEMA = "The database is not ready: its schema is not the one this version needs."

# What a client is told of a database that answers, but not as it must.
UNUSABLE: dict[type, str] = {
    InsufficientPrivilege: "The database is not ready: it does not give the service the rights it needs.",
    ReadOnlySqlTransaction: "The database is not ready: it can only be read.",
    UntranslatableCharacter: "The database is not ready: its encoding is not UTF-8.",
    **dict.fromkeys((UndefinedTable, UndefinedColumn, InvalidSchemaName), OTHER_SCHEMA),
}

# Beginnings of SQLSTATEs: the connection is lost or about to be, or leads to what is no primary any more. A
# pooler that says so of its own connection to PostgreSQL leaves ours open.
LOST_CONNECTION = ("08", "57P", "25006")


class NotReady(Exception):
    """The database cannot serve now; `detail` says why, in a sentence for clients."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def unavailability(error: BaseException) -> str | None:
    """What a client is told of a database that cannot serve now; None if we asked something wrong.

    A bare DatabaseError is what drivers make of an answer that is none: of a file that is no database, say.
    """
    if detail := UNUSABLE.get(type(getattr(error, "orig", None) or error)):
        return detail
    is_away = isinstance(error, OperationalError | InterfaceError | InternalError | PoolTimeout)
    is_cut = isinstance(error, DBAPIError) and error.connection_invalidated
    return UNAVAILABLE if is_away or is_cut or type(error) is DatabaseError else None


def reason(error: BaseException) -> str:
    """What the database said, in one line, without statement or parameters."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.partition("\n")[0] or type(error).__name__


def is_lock_timeout(error: OperationalError) -> bool:
    """Whether the statement waited for somebody else's write until its time was up."""
    return isinstance(error.orig, LockNotAvailable) or "locked" in str(error.orig)


def is_lost(error: BaseException) -> bool:
    """Whether nothing more is to be asked over the connection that brought this error."""
    return isinstance(error, PostgresError) and (error.pgcode or "").startswith(LOST_CONNECTION)
