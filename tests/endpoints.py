"""Every endpoint under /api, for tests that try them all."""

NOBODYS = "019aa0c4-6a1e-7c3b-9d2f-3f1f2b6c8a11"

ENDPOINTS = [
    ("GET", "/api/tasks", None),
    ("POST", "/api/tasks", {"title": "x"}),
    ("GET", "/api/tasks/{id}", None),
    ("PUT", "/api/tasks/{id}", {"title": "x"}),
    ("DELETE", "/api/tasks/{id}", None),
    ("PATCH", "/api/tasks/{id}/complete", None),
    ("PATCH", "/api/tasks/{id}/complete", {"completed": True}),
    ("PATCH", "/api/tasks/{id}", {"title": "x"}),
    ("POST", "/api/tasks/{id}/move", {"to": "top"}),
    ("DELETE", "/api/tasks", None),
    ("POST", "/api/tasks/batch", {"operations": [{"op": "create", "task": {"title": "x"}}]}),
    ("GET", "/api/tasks/changes", None),
    ("GET", "/api/tasks/tags", None),
    ("GET", "/api/account", None),
    ("GET", "/api/account/export", None),
    ("DELETE", "/api/account", {"confirm": "erase"}),
]
