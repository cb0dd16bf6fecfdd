"""What is gunicorn's own: refusals before the service sees a request, and its events in our log."""

import json
from pathlib import Path

from tests.raw import request, status
from tests.service import Service


def test_a_request_refused_before_the_service_sees_it_is_answered_barely(service: Service) -> None:
    """No JSON, and no CORS: pages see these as they see a network that is away (docs/clients.md)."""
    origin = "Origin: http://localhost:3000\r\n"
    for code, raw in {
        200: request("GET", "/health", origin),
        400: request("GET", "/health", f"{origin}no colon\r\n"),
        414: request("GET", f"/health?{'x' * 9_000}", origin),
        431: request("GET", "/health", f"{origin}X-Padding: {'x' * 20_000}\r\n"),
    }.items():
        answer = service.send(raw)
        assert status(answer) == code
        for ours in (b"Access-Control-Allow-Origin", b"application/json"):
            assert (ours in answer) is (code == 200)


def test_malformed_http_gets_a_short_refusal(service: Service) -> None:
    for raw in (
        b"rubbish\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
    ):
        answer = service.send(raw)
        assert 400 <= status(answer) < 500
        assert b"Traceback" not in answer
    assert service.http.get("/health").status_code == 200


def test_no_header_rewrites_the_path(service: Service) -> None:
    for name in ("SCRIPT_NAME", "PATH_INFO", "X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL"):
        assert status(service.send(request("GET", "/health", f"{name}: /health\r\n"))) == 200
        assert status(service.send(request("GET", "/nowhere", f"{name}: /health\r\n"))) == 404
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert status(service.send(request("GET", "/health", f"{name}: DELETE\r\n"))) == 200


def test_the_server_names_no_version(service: Service) -> None:
    assert service.http.get("/health").headers["Server"] == "gunicorn"


def test_gunicorns_own_access_log_can_be_turned_on(environment: dict[str, str], tmp_path: Path) -> None:
    with Service(environment, tmp_path, "--access-logfile", "-") as service:
        assert service.http.get("/health?seen").status_code == 200
        service.wait_until(lambda: '"GET /health?seen HTTP/1.1" 200' in service.output)


def test_gunicorns_events_are_told_as_all_others_once(service: Service) -> None:
    lines = [json.loads(line) for line in service.output.splitlines()]
    (listening,) = [line for line in lines if line["message"].startswith("Listening at: ")]
    assert listening["logger"] == "gunicorn.error"
