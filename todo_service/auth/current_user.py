"""The current user: the principal of a request, whom its verified token speaks for."""

from dataclasses import dataclass

from flask import g


@dataclass(frozen=True, slots=True)
class CurrentUser:
    """The person a verified token speaks for."""

    id: str
    email: str | None
    name: str | None


def current_user() -> CurrentUser:
    """The principal of this request; only views behind `@signed_in` have one."""
    user: CurrentUser = g.current_user
    return user
