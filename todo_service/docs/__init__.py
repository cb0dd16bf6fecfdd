"""Self-description: the OpenAPI document, Swagger UI, health checks."""
