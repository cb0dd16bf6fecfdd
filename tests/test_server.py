"""What gunicorn and the service make of HTTP as it comes over the wire."""

import re
import socket
from pathlib import Path

from tests.people import token_for
from tests.service import Service

ADA = f"Authorization: Bearer {token_for('ada', exp=4_000_000_000)}\r\n"
JSON = "Content-Type: application/json\r\n"


def request(method: str, path: str, headers: str = "", sent: bytes = b"") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode() + sent
    )


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def status(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert match, answer
    return int(match[1])


def test_a_chunked_body_is_read_whole(service: Service) -> None:
    headers = f"{ADA}{JSON}Transfer-Encoding: chunked\r\n"
    answer = service.send(
        request("POST", "/api/tasks", headers, chunked(b'{"title"', b': "in chunks"', b"}"))
    )
    assert status(answer) == 201
    assert b"in chunks" in answer


def test_an_empty_chunked_body_toggles(service: Service) -> None:
    task = service.call("ada", "POST", json={"title": "x"}).json()
    headers = f"{ADA}{JSON}Transfer-Encoding: chunked\r\n"
    answer = service.send(request("PATCH", f"/api/tasks/{task['id']}/complete", headers, chunked()))
    assert status(answer) == 200
    assert b'"completed":true' in answer


def test_a_chunked_body_over_256_kib_is_413_and_not_cut(service: Service) -> None:
    headers = f"{ADA}{JSON}Transfer-Encoding: chunked\r\n"
    padding = [b" " * 64 * 1024] * 4
    answer = service.send(request("POST", "/api/tasks", headers, chunked(b'{"title": "x"}', *padding)))
    assert status(answer) == 413
    assert b"payload_too_large" in answer
    assert service.call("ada", "GET").json() == []


def test_broken_chunks_are_the_clients_fault(service: Service) -> None:
    headers = f"{ADA}{JSON}Transfer-Encoding: chunked\r\n"
    answer = service.send(request("POST", "/api/tasks", headers, b"zz\r\n{}\r\n0\r\n\r\n"))
    assert status(answer) == 400
    assert service.http.get("/health").status_code == 200


def test_a_body_shorter_than_announced_changes_nothing(service: Service) -> None:
    headers = f"{ADA}{JSON}Content-Length: 100\r\n"
    raw = request("POST", "/api/tasks", headers, b'{"title": "x"}')
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert status(answer) == 400
    assert service.call("ada", "GET").json() == []


def test_a_header_field_of_16_kib_is_taken(service: Service) -> None:
    token = token_for("ada", name="x" * 11_900)
    assert 15_900 < len(token) <= 16 * 1024 - len("Bearer ")
    answer = service.http.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    padded = service.call("ada", "GET", headers={"X-Padding": "x" * 16 * 1024})
    assert padded.status_code == 200


def test_larger_header_fields_are_refused(service: Service) -> None:
    answer = service.send(request("GET", "/health", f"X-Padding: {'x' * 20_000}\r\n"))
    assert status(answer) == 431


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


def test_double_slashes_are_no_redirect(service: Service) -> None:
    for path in ("/api//tasks", "/api/tasks//"):
        assert status(service.send(request("GET", path, ADA))) == 404


def test_a_connection_that_ends_says_so(service: Service) -> None:
    """Otherwise the client's next request on it would be lost."""
    large = b" " * 500_000
    head = f"POST /api/tasks HTTP/1.1\r\nHost: a\r\n{ADA}{JSON}"
    plain = f"{head}Content-Length: {len(large)}\r\n\r\n".encode() + large
    in_chunks = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunked(large)
    for raw in (plain, in_chunks):
        answer = service.send(raw)
        assert status(answer) == 413
        assert b"\r\nConnection: close\r\n" in answer


def test_head_and_no_content_keep_the_connection_usable(service: Service) -> None:
    task = service.call("ada", "POST", json={"title": "x"}).json()
    for _ in range(3):
        assert service.call("ada", "HEAD").status_code == 200
        assert service.call("ada", "GET").json() == [task]
    assert service.call("ada", "DELETE", f"/api/tasks/{task['id']}").status_code == 204
    assert service.call("ada", "GET").json() == []


def test_no_header_rewrites_the_path(service: Service) -> None:
    for name in ("SCRIPT_NAME", "PATH_INFO", "X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL"):
        assert status(service.send(request("GET", "/health", f"{name}: /health\r\n"))) == 200
        assert status(service.send(request("GET", "/nowhere", f"{name}: /health\r\n"))) == 404
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert status(service.send(request("GET", "/health", f"{name}: DELETE\r\n"))) == 200


def test_the_server_names_no_version(service: Service) -> None:
    assert service.http.get("/health").headers["Server"] == "gunicorn"


def test_gunicorns_own_access_log_can_be_turned_on(environment: dict[str, str], tmp_path: Path) -> None:
    with Service(environment, tmp_path, changes='\naccesslog = "-"\n') as service:
        assert service.http.get("/health?seen").status_code == 200
        service.wait_until(lambda: '"GET /health?seen HTTP/1.1" 200' in service.output)
