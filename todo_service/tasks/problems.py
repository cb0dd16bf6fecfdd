"""Refusals that only tasks know (contract §4 and §6)."""

from todo_service.api.problems import Problem


def forbidden() -> Problem:
    return Problem(403, "forbidden", "Not authorized to access this task")


def not_found() -> Problem:
    return Problem(404, "not_found", "Task not found")


def task_deleted() -> Problem:
    return Problem(410, "task_deleted", "The task of this id was deleted.")


def sync_token_expired() -> Problem:
    detail = "The token is too old, or none of yours; please start over without one."
    return Problem(410, "sync_token_expired", detail)


def account_erased() -> Problem:
    detail = "The account was erased since; please forget what you hold of it, and start over."
    return Problem(410, "account_erased", detail)
