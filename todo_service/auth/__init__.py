"""Authentication and limits: who is asking, and how much."""
