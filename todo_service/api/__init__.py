"""HTTP as the contract wants it: decorators, JSON, problems, pages, entity tags."""
