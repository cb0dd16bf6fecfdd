"""What the operations of the OpenAPI document share: header fields of requests and answers, and refusals."""

from http import HTTPStatus
from itertools import groupby
from typing import get_args

from apispec import APISpec
from marshmallow import fields, validate

from todo_service.api.json_body import MAX_BODY, too_large, unsupported
from todo_service.api.problems import PROBLEM, TITLES, Code, Problem, invalid, unavailable
from todo_service.api.schemas import Output
from todo_service.docs.schemas import Object, example
from todo_service.tasks import problems
from todo_service.tasks.schemas import TaskSchema
from todo_service.writes import idempotency
from todo_service.writes.idempotency import KEY


class ProblemSchema(Output):
    """Why a request was refused (RFC 9457); the same shape for every error."""

    type = fields.String(metadata={"description": "Always `about:blank`: `code` tells errors apart."})
    title = fields.String(metadata={"description": "The status in words."})
    status = fields.Integer(metadata={"description": "The HTTP status.", "minimum": 400, "maximum": 599})
    code = fields.String(
        validate=validate.OneOf(get_args(Code)), metadata={"description": "A stable name to switch on."}
    )
    detail = fields.String(metadata={"description": "One sentence that can be shown to the user."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "Messages by field or parameter, of a batch by index; where any are at fault.",
            "optional": True,
        },
    )
    current = fields.Nested(
        TaskSchema,
        metadata={"description": "The task as it is, where a precondition failed.", "optional": True},
    )
    request_id = fields.String(metadata={"description": "What to quote when asking for help; X-Request-Id."})


EXAMPLE_TASK = example(TaskSchema())

# The header fields of answers: what each says, and what it looks like.
HEADERS: dict[str, tuple[str, str | int]] = {
    "ETag": ("Of a task, its revision in quotes; of a list, a tag of all the user has.", '"42"'),
    "Idempotency-Replayed": ("This is the answer that the key's first request had.", "true"),
    "Link": ("Where the next page is, if there is one (RFC 8288).", '</api/tasks?cursor=W10.k3>; rel="next"'),
    "Location": ("Where the new task is.", f"/api/tasks/{EXAMPLE_TASK['id']}"),
    "Retry-After": ("Seconds to wait before trying again.", 12),
    "WWW-Authenticate": (
        "What is wrong with the token (RFC 6750).",
        'Bearer realm="todo", error="invalid_token"',
    ),
    "X-RateLimit-Limit": ("Requests that a user has in one window.", 600),
    "X-RateLimit-Remaining": ("Requests left in this window.", 599),
    "X-RateLimit-Reset": ("When the next window begins, in seconds since 1970.", 1795237260),
    "X-Request-Id": ("The id the request came with, or a new one.", "0d9f4c1e"),
    "X-Total-Count": ("How many tasks all pages hold, if `count` asks for it.", 1284),
}
RATE_LIMIT = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
OPTIONAL = ("Idempotency-Replayed", "Link", "X-Total-Count", *RATE_LIMIT)

# The refusals: when each happens, and one of them.
REFUSALS: dict[str, Problem] = {
    "The body, one of its members or a parameter is not valid.": invalid(
        {"title": ["Missing data for required field."]}
    ),
    "The token is missing, not valid or expired.": Problem(
        401,
        "missing_token",
        "Missing authentication token",
        headers={"WWW-Authenticate": 'Bearer realm="todo"'},
    ),
    "The task is somebody else's.": problems.forbidden(),
    "There is no such thing.": problems.not_found(),
    "Another write, perhaps the first with this key, is still running.": idempotency.still_running(),
    "A task of this id was deleted; it does not come back.": problems.task_deleted(),
    "Deletions that the token's holder has not heard of are forgotten: start over without it.": (
        problems.sync_token_expired()
    ),
    "The token is from before the account was erased: forget what you hold of it.": problems.account_erased(),
    "The task is not as the request supposes, but as `current` shows it; nothing was changed.": Problem(
        412,
        "precondition_failed",
        "The task is not in the state this request supposes.",
        current=EXAMPLE_TASK,
        headers={"ETag": '"42"'},
    ),
    "The body is too large.": too_large(MAX_BODY),
    "The body is not declared as JSON.": unsupported(),
    "The key's first request had another body.": idempotency.key_reused(),
    "More requests than the user has in one window, or more refused tokens than the address has.": Problem(
        429, "rate_limited", "Too many requests; please wait a moment.", headers={"Retry-After": "12"}
    ),
    "The database, or the key set of the sign-in server, does not answer.": unavailable(
        "The database is not available at the moment."
    ),
}


def header_parameter(name: str, description: str, **schema: str) -> Object:
    shape = {"type": "string", **schema}
    return {"name": name, "in": "header", "description": description, "schema": shape}


IF_CHANGED = header_parameter(
    "If-None-Match", "The ETag as you know it; if it is still the same, the answer is 304."
)
IDEMPOTENCY_KEY = header_parameter(
    "Idempotency-Key",
    "A name for what the user did, the same whenever it is sent again: it is done once.",
    pattern=f"^{KEY.pattern}$",
)
# Those of which views tell `@takes` that they heed them.
HEADER_PARAMETERS = {
    "If-Match": header_parameter(
        "If-Match", "The ETag of the task as you know it; if it is another by now, the answer is 412."
    ),
    "If-None-Match": header_parameter(
        "If-None-Match",
        "`*`: create the task under this id, unless you have or had it; the body then needs a title.",
    ),
}


def add_headers(spec: APISpec) -> None:
    for name, (description, value) in HEADERS.items():
        kind = "integer" if isinstance(value, int) else "string"
        header = {"description": description, "required": name not in OPTIONAL}
        spec.components.header(name, {**header, "schema": {"type": kind}, "example": value})


def add_refusals(spec: APISpec) -> None:
    """Every refusal as it would be sent, those of a status together; to be called in a request, which a
    problem names."""
    for status, group in groupby(REFUSALS.items(), lambda refusal: refusal[1].status):
        when, refused = zip(*group, strict=True)
        answers = {problem.code: problem.response().get_json() for problem in refused}
        own_id = {"request_id": HEADERS["X-Request-Id"][1]}
        examples = {code: {"value": said | own_id} for code, said in answers.items()}
        content = {PROBLEM: {"schema": ProblemSchema(), "examples": examples}}
        carried = headers("X-Request-Id", *refused[0].headers, *RATE_LIMIT)
        described = {"description": " Or: ".join(when), "headers": carried, "content": content}
        spec.components.response(refusal_name(status), described)


def headers(*names: str) -> Object:
    """A headers object, in which apispec takes each name for a reference to the component of that name."""
    return {name: name for name in names}


def refusal_name(status: int) -> str:
    """`NotFound` for 404."""
    return (TITLES.get(status) or HTTPStatus(status).phrase).title().replace(" ", "")
