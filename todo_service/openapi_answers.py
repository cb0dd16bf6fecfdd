"""What the operations of the OpenAPI document share: the header fields of answers, and the refusals."""

from collections.abc import Iterable
from http import HTTPStatus

from todo_service import changes, idempotency, own_tasks
from todo_service.errors import CODES, TITLES, Problem, invalid, unavailable
from todo_service.openapi_schemas import JSON, Schemas
from todo_service.schemas import TaskSchema
from todo_service.service_schemas import ProblemSchema
from todo_service.wire import MAX_BODY, too_large

EXAMPLE_ID = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"
EXAMPLE_TASK = {name: field.metadata["examples"][0] for name, field in TaskSchema().fields.items()}

# The header fields of answers: what each says, and what it looks like.
HEADERS: dict[str, tuple[str, str | int]] = {
    "ETag": ("Of a task, its revision in quotes; of a list, a tag of all the user has.", '"42"'),
    "Idempotency-Replayed": ("This is the answer that the key's first request had.", "true"),
    "Link": ("Where the next page is, if there is one (RFC 8288).", '</api/tasks?cursor=W10.k3>; rel="next"'),
    "Location": ("Where the new task is.", f"/api/tasks/{EXAMPLE_ID}"),
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
REFUSALS: dict[int, tuple[str, Problem]] = {
    400: (
        "The body, one of its members or a parameter is not valid.",
        invalid({"title": ["Missing data for required field."]}),
    ),
    401: (
        "The token is missing, not valid or expired.",
        Problem(
            401,
            "missing_token",
            "Missing authentication token",
            headers={"WWW-Authenticate": 'Bearer realm="todo"'},
        ),
    ),
    403: (
        "The task is somebody else's.",
        Problem(403, "forbidden", "Not authorized to access this task"),
    ),
    404: (
        "There is no such thing.",
        own_tasks.missing(),
    ),
    409: (
        "Another write, perhaps the first with this key, is still running.",
        idempotency.still_running(),
    ),
    410: (
        "Deletions that the token's holder has not heard of are forgotten: start over without it.",
        changes.expired(),
    ),
    412: (
        "The task is not as the request supposes, but as `current` shows it; nothing was changed.",
        Problem(
            412,
            "precondition_failed",
            "The task is not in the state this request supposes.",
            current=EXAMPLE_TASK,
            headers={"ETag": '"42"'},
        ),
    ),
    413: (
        "The body is too large.",
        Problem(413, CODES[413], str(too_large(MAX_BODY))),
    ),
    415: (
        "The body is not declared as JSON.",
        Problem(415, CODES[415], "The body must be sent as Content-Type: application/json."),
    ),
    422: (
        "The key's first request had another body.",
        idempotency.reused(),
    ),
    429: (
        "More requests than the user has in one window, or more refused tokens than the address has.",
        Problem(
            429, "rate_limited", "Too many requests; please wait a moment.", headers={"Retry-After": "12"}
        ),
    ),
    503: (
        "The database, or the key set of the sign-in server, does not answer.",
        unavailable("The database is not available at the moment."),
    ),
}


def headers(names: Iterable[str]) -> JSON:
    """A headers object that refers to the header fields of these names."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem(status: int) -> JSON:
    """A reference to the answer that refuses with this status."""
    return {"$ref": f"#/components/responses/{component_name(status)}"}


def header_components() -> JSON:
    return {name: header(name, *described) for name, described in HEADERS.items()}


def header(name: str, description: str, example: str | int) -> JSON:
    kind = "integer" if isinstance(example, int) else "string"
    return {
        "description": description,
        "required": name not in OPTIONAL,
        "schema": {"type": kind},
        "example": example,
    }


def problem_components(answered: Schemas) -> JSON:
    """Every refusal as it would be sent; to be called in a request, which a problem names."""
    return {
        component_name(status): refusal(when, example, answered)
        for status, (when, example) in REFUSALS.items()
    }


def refusal(when: str, example: Problem, answered: Schemas) -> JSON:
    answer = example.response()
    names = ["X-Request-Id", *example.headers, *RATE_LIMIT]
    members = {**answer.get_json(), "request_id": HEADERS["X-Request-Id"][1]}
    content = {answer.mimetype: {**answered.content(ProblemSchema()), "example": members}}
    return {"description": when, "headers": headers(names), "content": content}


def component_name(status: int) -> str:
    """`NotFound` for 404."""
    return (TITLES.get(status) or HTTPStatus(status).phrase).title().replace(" ", "")
