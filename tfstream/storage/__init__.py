"""Everything in PostgreSQL. Each function takes the connection of its caller's transaction."""
