"""The database: connections, deadlines, transactions, the schema's version, what is kept for how long."""
