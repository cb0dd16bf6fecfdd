"""What every write is: one transaction with a revision, done once."""
