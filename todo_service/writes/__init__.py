"""Units of work: every write is one transaction with revisions of its own, replayed rather than repeated."""
