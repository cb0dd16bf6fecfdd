"""The service told of itself: the OpenAPI document, Swagger UI, health."""
