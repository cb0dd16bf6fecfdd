"""The answer of a service whose database cannot be used just now (contract §1)."""

import httpx
from werkzeug.test import TestResponse


def refused(answer: TestResponse | httpx.Response) -> bool:
    """Whether this is the 503 that says to come back."""
    if answer.status_code != 503:
        return False
    assert int(answer.headers["Retry-After"]) >= 1
    found = answer.json if isinstance(answer, TestResponse) else answer.json()
    assert found is not None
    assert found["code"] == "service_unavailable"
    assert found["detail"].startswith("The database")
    return True
