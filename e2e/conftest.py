"""What needs more than Python is tested with the fixtures of the other tests."""

from tests.conftest import app, client, environment, postgres, running_service, service, shared_app

__all__ = ["app", "client", "environment", "postgres", "running_service", "service", "shared_app"]
