"""The application, and views of kinds that it has not got: with answers without end, late or broken off."""

import time
from collections.abc import Iterator

from flask import request

from todo_service import create_app

app = create_app()

CHUNK = b"x" * 1024 * 1024


@app.get("/long/<int:chunks>")
def long(chunks: int) -> Iterator[bytes]:
    """So many MiB, without a length."""
    for _ in range(chunks):
        yield CHUNK


@app.get("/broken")
def broken() -> Iterator[bytes]:
    yield CHUNK
    raise RuntimeError("in the middle of an answer")


@app.get("/failed")
def failed() -> Iterator[bytes]:
    raise RuntimeError("before anything of the answer")
    yield b""


@app.get("/late/<float:seconds>")
def late(seconds: float) -> str:
    time.sleep(seconds)
    return "late"


@app.get("/exit")
def leave() -> str:
    raise SystemExit("in a view")


@app.post("/read")
def read() -> str:
    """Take any body, however much of it there is."""
    request.get_data()
    return "read"
