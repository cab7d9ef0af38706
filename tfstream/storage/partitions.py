"""Day partitions of ``reading`` and ``score``: a day's readings are dropped as one table, not row by row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from psycopg import sql
from sqlalchemy import Connection, text

_TABLES = ("reading", "score")
_LOCK = 0x7F57A2  # names our advisory locks


def ensure(connection: Connection, table: str, days: Iterable[date]) -> list[date]:
    """Make the partitions of the given (UTC) days that are missing; returns those that were made.

    Processes that make the same partition at the same time wait for one another.
    """
    missing = sorted(set(days) - set(_days(connection, table)))
    if not missing:
        return []
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    known = set(_days(connection, table))
    made = [day for day in missing if day not in known]
    for day in made:
        connection.exec_driver_sql(_create(table, day))
    return made


def list_all(connection: Connection, table: str) -> list[str]:
    """The names of a table's partitions, oldest first."""
    query = text(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = CAST(:table AS regclass) ORDER BY c.relname"
    )
    return list(connection.execute(query, {"table": _checked(table)}).scalars())


def drop_before(connection: Connection, table: str, day: date) -> list[str]:
    """Drop the partitions that end on or before the beginning of ``day``; returns their names."""
    dropped = [_name(table, found) for found in _days(connection, table) if found < day]
    for name in dropped:
        connection.exec_driver_sql(f'DROP TABLE "{name}"')
    return dropped


def _days(connection: Connection, table: str) -> list[date]:
    names = (re.fullmatch(rf"{table}_(\d{{4}})(\d\d)(\d\d)", name) for name in list_all(connection, table))
    return [date(int(found[1]), int(found[2]), int(found[3])) for found in names if found]


def _create(table: str, day: date) -> str:
    statement = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(_name(table, day)),
        sql.Identifier(_checked(table)),
        sql.Literal(f"{day.isoformat()} 00:00:00+00"),
        sql.Literal(f"{(day + timedelta(days=1)).isoformat()} 00:00:00+00"),
    )
    return statement.as_string()


def _name(table: str, day: date) -> str:
    return f"{_checked(table)}_{day:%Y%m%d}"


def _checked(table: str) -> str:
    if table not in _TABLES:
        raise ValueError(f"{table} is not partitioned by day")
    return table
