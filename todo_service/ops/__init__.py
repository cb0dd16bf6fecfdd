"""Observability, for those who run the service: logs, metrics, what each request has cost."""
