"""Writes and reads readings by binary COPY, without a Python object for each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from tfstream.core.reading import Series, Times, Values
from tfstream.storage import partitions
from tfstream.storage.binary_copy import decode_readings, encode_readings
from tfstream.storage.datetimes import to_datetime, to_us

_DAY_US = 86_400_000_000
_COPY_IN = "COPY {} (stream_id, asset, ts, values) FROM STDIN (FORMAT binary)"
_MERGE = """
INSERT INTO reading AS r (stream_id, asset, ts, values)
SELECT stream_id, asset, ts, values FROM incoming
ON CONFLICT (stream_id, asset, ts) DO UPDATE SET values = (
    SELECT array_agg(CASE WHEN n = 'NaN' OR n IS NULL THEN coalesce(o, 'NaN') ELSE n END ORDER BY i)
    FROM unnest(r.values, excluded.values) WITH ORDINALITY AS cell (o, n, i)
)
"""


def write(
    connection: Connection, stream_id: int, assets: Sequence[str], times_us: Times, values: Values
) -> int:
    """Store one row for each asset and time: ``times_us [rows]``, ``values [rows, sensors]``.

    A row that exists already, from a file loaded twice or a later long-format message, is merged cell by
    cell: a new value replaces the stored value, a new NaN does not. Returns the number of rows given.
    """
    if not len(times_us):
        return 0
    ensure_partitions(connection, times_us)
    stream = encode_readings(stream_id, assets, times_us, values)
    try:
        with connection.begin_nested(), open_copy(connection) as copy:
            copy.write(stream)
    except psycopg.errors.UniqueViolation:
        merge_rows(connection, stream)
    return len(times_us)


def ensure_partitions(connection: Connection, times_us: Times) -> None:
    """Make the missing day partitions for rows of these times.

    :func:`write` does so, too. A caller that writes several times in one transaction makes all partitions in
    a transaction before it, so that it holds no row locks while it waits for another process's partition.
    """
    partitions.ensure(connection, "reading", utc_days(times_us))


def utc_days(times_us: Times) -> set[date]:
    """The UTC days of some times, which are the days of their partitions."""
    return {datetime.fromtimestamp(int(day) * 86_400, UTC).date() for day in np.unique(times_us // _DAY_US)}


def merge_rows(connection: Connection, stream: bytes) -> None:
    """Store rows, some of which may exist, cell by cell; ``stream`` has one row for each asset and time."""
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE reading) ON COMMIT DELETE ROWS"
    )
    connection.exec_driver_sql("DELETE FROM incoming")
    with open_copy(connection, "incoming") as copy:
        copy.write(stream)
    connection.exec_driver_sql(_MERGE)


@contextmanager
def open_copy(connection: Connection, table: str = "reading") -> Iterator[psycopg.Copy]:
    """An open COPY that takes encoded rows; the connection can run nothing else until the block ends."""
    statement = sql.SQL(_COPY_IN).format(sql.Identifier(table))
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


def assets(connection: Connection, stream_id: int, since_us: int | None, until_us: int | None) -> list[str]:
    """The assets with readings in a span, sorted."""
    where, bounds = _span(since_us, until_us)
    query = text(f"SELECT DISTINCT asset FROM reading WHERE stream_id = :stream_id {where} ORDER BY asset")
    return list(connection.execute(query, {"stream_id": stream_id, **bounds}).scalars())


def read(
    connection: Connection,
    stream_id: int,
    asset: str,
    since_us: int | None,
    until_us: int | None,
    width: int,
) -> Series:
    """An asset's readings of a span in order of time; values ``[rows, width]``.

    Rows stored before a sensor was added are shorter; their missing cells become NaN.
    """
    where, bounds = _span(since_us, until_us)
    parameters = {"stream_id": stream_id, "asset": asset, **bounds}
    chosen = f"FROM reading WHERE stream_id = :stream_id AND asset = :asset {where}"
    lengths = connection.execute(text(f"SELECT DISTINCT cardinality(values) {chosen}"), parameters).scalars()
    pieces = [_read_width(connection, chosen, parameters, length, width) for length in sorted(lengths)]
    if not pieces:
        return Series(asset, np.empty(0, np.int64), np.empty((0, width), np.float32))
    times = np.concatenate([piece[0] for piece in pieces])
    values = np.concatenate([piece[1] for piece in pieces])
    if len(pieces) > 1:
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
    return Series(asset, times, values)


def oldest_us(connection: Connection, stream_id: int, asset: str) -> int | None:
    """The time of an asset's oldest reading; None where it has no reading."""
    query = text("SELECT min(ts) FROM reading WHERE stream_id = :stream_id AND asset = :asset")
    oldest = connection.execute(query, {"stream_id": stream_id, "asset": asset}).scalar()
    return None if oldest is None else to_us(oldest)


def newest_at(connection: Connection, stream_id: int) -> datetime | None:
    """The time of a stream's newest reading; None where it has no reading."""
    query = text("SELECT max(ts) FROM reading WHERE stream_id = :stream_id")
    moment: datetime | None = connection.execute(query, {"stream_id": stream_id}).scalar()
    return moment


def other_assets_exist(
    connection: Connection, stream_id: int, asset: str, since_us: int, until_us: int
) -> bool:
    """Whether another asset has readings in a span."""
    rows = "SELECT 1 FROM reading WHERE stream_id = :stream_id AND ts BETWEEN :since AND :until AND asset"
    query = text(f"SELECT EXISTS ({rows} < :asset) OR EXISTS ({rows} > :asset)")
    span = {"since": to_datetime(since_us), "until": to_datetime(until_us)}
    return bool(connection.execute(query, {"stream_id": stream_id, "asset": asset, **span}).scalar_one())


def nearest(
    connection: Connection, stream_id: int, asset: str, time_us: int
) -> tuple[int | None, int | None]:
    """The times of an asset's last reading before ``time_us`` and of its first reading at or after it."""
    query = text(
        "SELECT (SELECT max(ts) FROM reading WHERE stream_id = :stream_id AND asset = :asset AND ts < :at), "
        "(SELECT min(ts) FROM reading WHERE stream_id = :stream_id AND asset = :asset AND ts >= :at)"
    )
    parameters = {"stream_id": stream_id, "asset": asset, "at": to_datetime(time_us)}
    before, after = connection.execute(query, parameters).one()
    return None if before is None else to_us(before), None if after is None else to_us(after)


def span(connection: Connection, stream_id: int) -> tuple[int, int, int] | None:
    """The times of a stream's first and last reading, and the number of rows; None without readings."""
    query = text("SELECT min(ts), max(ts), count(*) FROM reading WHERE stream_id = :stream_id")
    first, last, rows = connection.execute(query, {"stream_id": stream_id}).one()
    return None if first is None else (to_us(first), to_us(last), rows)


def _read_width(
    connection: Connection, chosen: str, parameters: dict[str, Any], length: int, width: int
) -> tuple[Times, Values]:
    """Rows with ``length`` cells each, padded or cut to ``width``: ``times_us [rows]``, ``[rows, width]``."""
    rows = f"SELECT ts, values {chosen} AND cardinality(values) = {length} ORDER BY ts"
    with _driver(connection).cursor() as cursor:
        # COPY takes no server-side parameters: psycopg quotes the values into the statement
        statement = sql.SQL(_named(f"COPY ({rows}) TO STDOUT (FORMAT binary)")).format(
            **{name: sql.Literal(value) for name, value in parameters.items()}
        )
        with cursor.copy(statement) as copy:
            stream = b"".join(copy)
    times, values = decode_readings(stream, length)
    if length < width:
        missing = np.full((len(values), width - length), np.nan, dtype=np.float32)
        values = np.concatenate([values, missing], axis=1)
    return times, values[:, :width]


def _span(since_us: int | None, until_us: int | None) -> tuple[str, dict[str, Any]]:
    """A condition on ``ts`` and its parameters; both ends are included, None leaves an end open."""
    where: str = ""
    bounds: dict[str, Any] = {}
    if since_us is not None:
        where, bounds = where + " AND ts >= :since", {**bounds, "since": to_datetime(since_us)}
    if until_us is not None:
        where, bounds = where + " AND ts <= :until", {**bounds, "until": to_datetime(until_us)}
    return where, bounds


def _named(query: str) -> str:
    """Replace SQLAlchemy's ``:name`` by psycopg's ``{name}``."""
    for name in ("stream_id", "asset", "since", "until"):
        query = query.replace(f":{name}", f"{{{name}}}")
    return query


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
