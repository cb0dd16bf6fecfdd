"""The running service with its metrics, which also tell what its workers are."""

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.service import GUNICORN, Service, free_port


class Measured(Service):
    """A running service that serves its metrics."""

    def __init__(self, environment: dict[str, str], directory: Path, *, server: str = GUNICORN) -> None:
        settings = {"METRICS_PORT": str(free_port()), **environment}
        self.metrics_port = int(settings["METRICS_PORT"])
        super().__init__(settings, directory, server=server)

    def scrape(self) -> dict[str, float]:
        """All samples, as `name{label=value,…}`."""
        exposed = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5)
        assert exposed.status_code == 200
        return {
            sample.name
            + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(exposed.text)
            for sample in family.samples
        }

    def count(self, name: str) -> float:
        return self.scrape().get(name, 0)
