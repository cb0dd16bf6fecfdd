"""Whoever watches Flask, SQLAlchemy or logging watches the service, set up as docs/operating.md shows."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.calls import calls
from tests.sentry_server import SentryServer
from tests.service import ROOT, Service

SECRET_WORDS = "MARKER-of-what-people-write"
TOKEN = "eyJ"  # as every JWT begins

# Beside what the page shows: a call that fails as only a bug of ours does.
FAILING = """
from flask import request

def fail():
    title = request.get_json()["title"]
    raise RuntimeError(title)

app.add_url_rule("/api/failing", view_func=fail, methods=["POST"])
"""

Observe = Callable[..., Service]


PAGE = (ROOT / "docs" / "operating.md").read_text()


def shown(heading: str) -> str:
    """The code below a heading of the page."""
    _, _, section = PAGE.partition(f"\n### {heading}\n")
    code = re.search(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert code, heading
    return code[1]


@pytest.fixture
def observe(app: Flask, environment: dict[str, str], tmp_path: Path) -> Observe:
    """A service that is to run with this code, in one process, on the empty database of `app`."""

    def prepare(code: str, **more: str) -> Service:
        (tmp_path / "observed.py").write_text(code + FAILING)
        settings = {**environment, "WEB_CONCURRENCY": "1", "PYTHONPATH": str(tmp_path), **more}
        service = Service(settings, tmp_path)
        service.command[-1] = "observed:app"
        return service

    return prepare


def use(service: Service) -> None:
    """Make every call there is, and write and look for what nobody else is to know."""
    for method, path, sent, expected in calls(service):
        assert service.call("ada", method, path, **sent).status_code == expected
    task = {"title": SECRET_WORDS, "description": SECRET_WORDS}
    assert service.call("bob", "POST", json=task).status_code == 201
    assert service.call("bob", "GET", params={"q": SECRET_WORDS}).status_code == 200
    assert service.call("bob", "POST", "/api/failing", json=task).status_code == 500


def assert_reticent(told: Any) -> None:
    """Nothing that people write or sign in with is told."""
    text = json.dumps(told)
    assert SECRET_WORDS not in text
    assert TOKEN not in text


# ---- Sentry


def test_sentry_hears_of_an_unhandled_exception_once(observe: Observe) -> None:
    with SentryServer() as sentry:
        with observe(shown("Sentry"), SENTRY_DSN=sentry.dsn) as service:
            use(service)
        # The end of the process, which has waited until all was sent.
        (event,) = sentry.of_type("event")
    (error,) = event["exception"]["values"]
    assert (error["type"], event["logger"]) == ("RuntimeError", "todo_service.api.problems")
    assert error["stacktrace"]["frames"][-1]["function"] == "fail"
    assert event["transaction"] == "fail"
    assert_reticent(event)


def test_sentry_traces_requests_and_their_statements(observe: Observe) -> None:
    code = shown("Sentry").replace("traces_sample_rate=0.1", "traces_sample_rate=1.0")
    with SentryServer() as sentry:
        with observe(code, SENTRY_DSN=sentry.dsn) as service:
            use(service)
        traces = sentry.of_type("transaction")
    created = next(trace for trace in traces if trace["transaction"] == "tasks.create_task")
    statements = [span["description"] for span in created["spans"] if span["op"] == "db"]
    assert [one for one in statements if one.startswith("INSERT INTO tasks")]
    assert {"account.export_account", "batch.run_batch"} <= {trace["transaction"] for trace in traces}
    assert_reticent(traces)


# ---- OpenTelemetry


def spans(service: Service) -> list[dict[str, Any]]:
    """What the exporter has printed between the lines of the log, each a block of lines."""
    printed = re.findall(r"^\{\n.*?^\}$", service.output, re.MULTILINE | re.DOTALL)
    return [json.loads(span) for span in printed]


def statements_of(request: str, spans: list[dict[str, Any]]) -> list[str]:
    """The statements of the first request of this name, each of which is a span below its own."""
    root = next(span for span in spans if span["name"] == request)
    assert root["parent_id"] is None
    below = [span for span in spans if span["parent_id"] == root["context"]["span_id"]]
    return [span["attributes"]["db.statement"] for span in below if "db.statement" in span["attributes"]]


def test_opentelemetry_traces_requests_and_their_statements(observe: Observe) -> None:
    with observe(shown("OpenTelemetry")) as service:
        use(service)
    found = spans(service)
    for request, beginning in {
        "POST /api/tasks": "INSERT INTO tasks",
        "PATCH /api/tasks/<task:id>/complete": "UPDATE tasks",
        "GET /api/tasks": "SELECT",
        "DELETE /api/account": "DELETE FROM users",
    }.items():
        statements = statements_of(request, found)
        assert [one for one in statements if one.lstrip().startswith(beginning)], (request, statements)
    failed = next(span for span in found if span["name"] == "POST /api/failing")
    assert failed["attributes"]["http.status_code"] == 500
    assert_reticent(found)


def test_opentelemetry_sees_what_is_sent_to_postgresql(observe: Observe, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("psycopg2 is not used")
    (instrument,) = re.findall(r"^`(Psycopg2Instrumentor.*?)`, before", PAGE, re.MULTILINE)
    imports, provider, rest = shown("OpenTelemetry").partition("provider = TracerProvider()\n")
    psycopg2 = "from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor\n"
    before, wsgi, after = imports.partition("from wsgi import app\n")
    rest, _, _ = rest.partition("with app.app_context()")  # or every statement would be there twice
    with observe(f"{before}{psycopg2}{provider}{instrument}\n{wsgi}{after}{rest}") as service:
        use(service)
    statements = statements_of("POST /api/tasks", spans(service))
    assert [one for one in statements if "SET LOCAL" in one]
    assert [one for one in statements if "INSERT INTO tasks" in one]
    assert_reticent(spans(service))


# ---- the profiling recipe


def test_sqlalchemys_profiling_recipe_tells_each_statement(observe: Observe) -> None:
    with observe(shown("Each statement and its time")) as service:
        use(service)
    lines = [json.loads(line) for line in service.output.splitlines()]
    told = [line for line in lines if line["logger"] == "myapp.sqltime"]
    begun = [line for line in told if line["message"].startswith("Start Query: ")]
    ended = [line for line in told if line["message"].startswith("Total Time: ")]
    assert len(begun) == len(ended)
    assert any("INSERT INTO tasks" in line["message"] for line in begun)
    assert all(line["request_id"] for line in begun if "INSERT INTO tasks" in line["message"])
