"""Day partitions of ``reading`` and ``score``: a day's readings are dropped as one table, not row by row.

The functions ``make_partition`` and ``drop_partition`` of the schema do it with its owner's rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, text

_TABLES = ("reading", "score")
_LOCK = 0x7F57A2  # one maker or dropper of partitions at a time


def ensure(connection: Connection, table: str, days: Iterable[date]) -> list[date]:
    """Make the partitions of the given (UTC) days that are missing; returns those that were made.

    Processes that make the same partition at the same time wait for one another.
    """
    wanted = set(days)
    if wanted <= existing_days(connection, table):
        return []
    _lock(connection)
    made = sorted(wanted - existing_days(connection, table))
    for day in made:
        connection.execute(text("SELECT make_partition(:table, :day)"), {"table": table, "day": day})
    return made


def list_all(connection: Connection, table: str) -> list[str]:
    """The names of a table's partitions, oldest first."""
    query = text(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = CAST(:table AS regclass) ORDER BY c.relname"
    )
    return list(connection.execute(query, {"table": _checked(table)}).scalars())


def existing_days(connection: Connection, table: str) -> set[date]:
    """The days that a table has partitions for."""
    names = (re.fullmatch(rf"{table}_(\d{{4}})(\d\d)(\d\d)", name) for name in list_all(connection, table))
    return {date(int(found[1]), int(found[2]), int(found[3])) for found in names if found}


def drop_before(connection: Connection, table: str, day: date) -> list[str]:
    """Drop the partitions that end on or before the beginning of ``day``; returns their names."""
    _lock(connection)
    old = [found for found in sorted(existing_days(connection, table)) if found < day]
    for found in old:
        connection.execute(text("SELECT drop_partition(:table, :day)"), {"table": table, "day": found})
    return [f"{table}_{found:%Y%m%d}" for found in old]


def _lock(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _checked(table: str) -> str:
    if table not in _TABLES:
        raise ValueError(f"{table} is not partitioned by day")
    return table
