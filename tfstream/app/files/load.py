"""``tfstream load``: a file straight into ``reading``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfstream.app.files.sensor_table import SensorTable, guess_interval_us
from tfstream.core.messages.reading_batch import ReadingBatch, merge
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData
from tfstream.storage import readings, streams
from tfstream.storage.database import Connection, Database
from tfstream.storage.streams import StreamRecord

_CHUNK = 20_000
_DAYS = 500  # so many day partitions in one transaction: each takes some of the server's locks
_DAY_US = 86_400_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
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
    """Store a table's rows, all of them or none; loading it twice gives the same rows.

    A table of more than five hundred days goes in so many days at a time: if one of these fails, those before
    it are stored, and loading the table again completes it.

    An unknown stream is defined from the table: its columns are the sensors, its usual step the interval.

    :raises BadData: when the table has sensors that the stream does not know.
    """
    with database.begin() as connection:
        known = streams.find(connection, topic)
        definition = known.definition if known else _defined(table, topic)
        values = mapped(table, definition)
    parts = _parts(table)
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


def mapped(table: SensorTable, definition: StreamDefinition) -> Values:
    """The table's values in the order of the stream's sensors, ``[rows, sensors]``; NaN for those it lacks.

    :raises BadData: when the table has sensors that the stream does not know, or none that it knows.
    """
    unknown = [name for name in table.sensors if name not in definition.sensors]
    if unknown:
        raise BadData(
            f"{table.source} has columns that stream {definition.topic} does not know: "
            f"{', '.join(unknown[:5])}; leave them out with --ignore NAME, "
            f"or add them with `tfstream streams set`"
        )
    values = np.full((len(table.values), len(definition.sensors)), np.nan, dtype=np.float32)
    values[:, [definition.sensors.index(name) for name in table.sensors]] = table.values
    return values


def _defined(table: SensorTable, topic: str) -> StreamDefinition:
    interval_us = guess_interval_us(table.assets, table.times_us)
    if interval_us is None:
        raise BadData(
            f"stream {topic} is unknown and {table.source} has no two readings of an asset to tell its "
            f"interval from; define it with `tfstream streams add {topic} --sensors … --interval …`"
        )
    return StreamDefinition(topic=topic, sensors=table.sensors, interval_us=interval_us)


def _parts(table: SensorTable) -> list[NDArray[np.intp]]:
    """The rows of one transaction each, in the order of the table: those of at most so many days."""
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
    """One chunk; rows of the same asset and moment become one."""
    assets = [table.assets[row] for row in rows.tolist()]
    batch = merge(ReadingBatch(assets, table.times_us[rows], values[rows]))
    readings.write(connection, stream.id, *batch)
