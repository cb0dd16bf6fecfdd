"""Django REST framework with Simple JWT, as their tutorials and quick starts lay a project out."""
