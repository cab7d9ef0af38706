"""Postgres: every function takes the connection of its caller's transaction."""
