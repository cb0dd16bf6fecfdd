"""JSON on the way out."""

from typing import Any

import orjson
from flask import Response


def json_response(value: Any, status: int = 200, content_type: str = "application/json") -> Response:
    return Response(json_bytes(value), status, content_type=content_type)


def json_bytes(value: Any) -> bytes:
    """The value as JSON. Moments have no zone, and mean UTC."""
    return orjson.dumps(value, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)
