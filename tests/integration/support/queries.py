"""Queries of the tests about the schema."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text


def view(connection: Connection, query: str) -> list[dict[str, Any]]:
    """The rows of a query, each as a dict from column to value."""
    return [dict(row._mapping) for row in connection.execute(text(query))]


def count(connection: Connection, table: str) -> int:
    """How many rows a table or view has."""
    return int(connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())


def utc(time_us: int) -> datetime:
    """The time of that many microseconds after 1970, with time zone UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
