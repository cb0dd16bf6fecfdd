"""The load where there is no wrk. It needs more of the processor itself, so what it shows is less."""

import asyncio
import re
import time
from itertools import cycle
from statistics import quantiles
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


async def answer(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Read one answer; its status and how long it was."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    return int(head[9:12]), len(head) + len(body)


async def load(raw: list[bytes], port: int, seconds: int, connections: int) -> dict[str, Any]:
    requests, latencies, size, errors = cycle(raw), [], 0, 0
    began = time.monotonic()

    async def client() -> None:
        nonlocal size, errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < began + seconds:
            sent = time.monotonic()
            try:
                writer.write(next(requests))
                status, length = await asyncio.wait_for(answer(reader), 10)
            except (OSError, EOFError, TimeoutError):
                errors += 1
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            latencies.append(1000 * (time.monotonic() - sent))
            size += length
            errors += status >= 400
        writer.close()

    outcomes = await asyncio.gather(*(client() for _ in range(connections)), return_exceptions=True)
    errors += sum(isinstance(one, BaseException) for one in outcomes)
    percentiles = quantiles(latencies, n=100) if len(latencies) > 1 else [0.0] * 99
    return {
        "requests": len(latencies),
        "seconds": time.monotonic() - began,
        "bytes": size,
        "errors": errors,
        "p50": percentiles[49],
        "p99": percentiles[98],
    }


def send(raw: list[bytes], port: int, seconds: int, connections: int) -> dict[str, Any]:
    return asyncio.run(load(raw, port, seconds, connections))
