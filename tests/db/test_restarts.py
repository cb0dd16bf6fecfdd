"""Processes killed, stopped and replaced while clients write: nothing is lost, nothing is done twice."""

import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random

import httpx
import pytest
from flask import Flask

from tests.load import Client, clients, everybody_meets, meanwhile
from tests.measured import Measured
from tests.people import SECRET, token_for
from tests.service import Service

KILLS = 40
GRACE = 30  # seconds that running requests get at a stop


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Of a service on a database of its own."""
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{tmp_path}/todo.db",
        "RATE_LIMIT": "",
    }


def test_workers_are_killed_and_every_write_that_is_retried_is_done_once(
    app: Flask, environment: dict[str, str], tmp_path: Path
) -> None:
    random = Random(1)
    with Service(environment, tmp_path) as service, clients(service) as writers:
        with meanwhile(*(writer.write_surely for writer in writers)):
            for _ in range(KILLS):
                done = acknowledged(writers) + random.randint(1, 16)
                service.wait_until(lambda done=done: acknowledged(writers) >= done)
                service.wait_until(service.workers)
                random.choice(service.workers()).kill()
        for writer in writers:
            assert writer.find(service) == writer.acknowledged
            assert writer.tried == list(writer.acknowledged)
        assert "Traceback" not in service.output


def acknowledged(writers: list[Client]) -> int:
    return sum(len(writer.acknowledged) for writer in writers)


@pytest.fixture
def service(settings: dict[str, str], tmp_path: Path) -> Iterator[Measured]:
    with Measured(settings, tmp_path) as service:
        yield service


def test_a_stop_waits_for_requests_that_are_running_or_half_sent(service: Measured, tmp_path: Path) -> None:
    body = b'{"title": "sent in two halves"}'
    head = (
        f"POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token_for('ada')}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with (
        clients(service) as writers,
        ThreadPoolExecutor(len(writers)) as threads,
        socket.create_connection(("127.0.0.1", service.port), timeout=GRACE) as connection,
        closing(sqlite3.connect(tmp_path / "todo.db", isolation_level=None)) as another,
    ):
        assert writers[0].send("GET") is not None
        another.execute("BEGIN IMMEDIATE")
        for writer in writers:
            threads.submit(writer.write_and_read)
        connection.sendall(head.encode() + body[:10])
        service.wait_until(lambda: service.count("todo_requests_in_flight") == len(writers) + 1)
        service.process.send_signal(signal.SIGTERM)
        service.wait_until(lambda: "Handling signal: term" in service.output)
        time.sleep(1)  # in which nothing may happen, so that there is nothing to wait for
        another.rollback()
        connection.sendall(body[10:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert [len(writer.acknowledged) for writer in writers] == [1] * len(writers)
    assert service.process.wait(GRACE) == 0
    with pytest.raises(httpx.ConnectError):
        service.http.get("/health")


def test_workers_are_replaced_and_no_request_notices(service: Service) -> None:
    with clients(service) as writers:
        with meanwhile(*(writer.write_and_read for writer in writers)):
            everybody_meets(writers, service, served=True)
            before = set(service.workers())
            service.process.send_signal(signal.SIGHUP)
            service.wait_until(lambda: not before & set(service.workers()))
            everybody_meets(writers, service, served=True)
        assert all(request.served for writer in writers for request in writer.requests)
        for writer in writers:
            assert writer.find(service) == writer.acknowledged
