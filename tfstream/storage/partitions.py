"""Day partitions of ``reading`` and ``score``, so that a day is dropped as one table and not row by row.

The schema's functions ``make_partition`` and ``drop_partition`` run with the rights of the schema's owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, text

_TABLES = ("reading", "score")
_LOCK = 0x7F57A2  # one transaction makes or drops partitions at a time


def ensure(connection: Connection, table: str, days: Iterable[date]) -> list[date]:
    """Make the missing partitions of some UTC days; returns the days whose partitions were made.

    Processes that make the same partition at the same time wait for each other.
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
    """The UTC days for which a table has partitions."""
    matches = (re.fullmatch(rf"{table}_(\d{{4}})(\d\d)(\d\d)", name) for name in list_all(connection, table))
    return {date(int(match[1]), int(match[2]), int(match[3])) for match in matches if match}


def drop_before(connection: Connection, table: str, day: date) -> list[str]:
    """Drop the partitions of days before ``day``; returns their names, oldest first."""
    _lock(connection)
    old_days = [other for other in sorted(existing_days(connection, table)) if other < day]
    for old in old_days:
        connection.execute(text("SELECT drop_partition(:table, :day)"), {"table": table, "day": old})
    return [f"{table}_{old:%Y%m%d}" for old in old_days]


def _lock(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _checked(table: str) -> str:
    if table not in _TABLES:
        raise ValueError(f"{table} is not partitioned by day")
    return table
