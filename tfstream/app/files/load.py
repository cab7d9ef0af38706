"""``tfstream load``: writes the readings of a file into the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfstream.app.files.sampling_interval import infer_interval_us
from tfstream.app.files.sensor_table import SensorTable
from tfstream.app.files.stream_values import stream_values
from tfstream.core.messages.reading_batch import ReadingBatch, merge
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData
from tfstream.storage import readings, streams
from tfstream.storage.database import Connection, Database
from tfstream.storage.streams import StreamRecord

_CHUNK = 20_000  # rows
_DAYS = 500  # in one transaction, because each day's partition takes some of the server's locks
_DAY_US = 86_400_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
    """The file's numbers of rows and assets; ``created_stream`` is true where loading defined the stream."""

    rows: int
    assets: int
    created_stream: bool


def load(
    database: Database,
    table: SensorTable,
    topic: str,
    *,
    progress: Callable[[float], None] = lambda done: None,
) -> LoadResult:
    """Store a table's rows, all of them or none; loading the same table twice stores the same rows.

    A table of more than 500 days takes several transactions of 500 days each: if one fails, the rows of the
    earlier transactions stay stored, and loading the table again stores the rest.

    An unknown stream is defined from the table: its columns are the sensors, its median step the interval.

    :raises BadData: when the table has sensors that the stream does not have.
    """
    with database.begin() as connection:
        known = streams.find(connection, topic)
        definition = known.definition if known else _define(table, topic)
        values = stream_values(table, definition)
    parts = _transaction_rows(table)
    for part in parts:
        with database.begin() as connection:
            readings.ensure_partitions(connection, table.times_us[part])
    stream, done = known, 0
    for part in parts:
        with database.begin() as connection:
            stream = stream or streams.add(connection, definition)
            for start in range(0, len(part), _CHUNK):
                rows = part[start : start + _CHUNK]
                _write(connection, stream, table, values, rows)
                done += len(rows)
                progress(done / len(values))
    return LoadResult(rows=len(values), assets=len(set(table.assets)), created_stream=known is None)


def _define(table: SensorTable, topic: str) -> StreamDefinition:
    interval_us = infer_interval_us(table.assets, table.times_us)
    if interval_us is None:
        raise BadData(
            f"stream {topic} is unknown, and {table.source} has no two readings of an asset from which to "
            f"infer its interval; define it with `tfstream streams add {topic} --sensors … --interval …`"
        )
    return StreamDefinition(topic=topic, sensors=table.sensors, interval_us=interval_us)


def _transaction_rows(table: SensorTable) -> list[NDArray[np.intp]]:
    """The row numbers of each transaction, in the table's order."""
    _, day = np.unique(table.times_us // _DAY_US, return_inverse=True)
    part = day // _DAYS
    return [np.flatnonzero(part == number) for number in range(int(part.max(initial=0)) + 1)]


def _write(
    connection: Connection,
    stream: StreamRecord,
    table: SensorTable,
    values: Values,
    rows: NDArray[np.intp],
) -> None:
    """Write some rows; rows of the same asset and time are merged first."""
    assets = [table.assets[row] for row in rows.tolist()]
    batch = merge(ReadingBatch(assets, table.times_us[rows], values[rows]))
    readings.write(connection, stream.id, *batch)
