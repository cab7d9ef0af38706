"""Readings of a stream as they come: the server stores a slice while the next one is fetched and decoded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psycopg
from sqlalchemy import Connection

from tfstream.core.messages.reading_batch import Key, ReadingBatch, joined, merge
from tfstream.storage import partitions, readings
from tfstream.storage.binary_copy import HEADER, TRAILER, encode_readings, encode_rows


class ReadingCopy:
    """Writes one stream's readings, a transaction at a time, through a COPY that stays open for its slices.

    A row that exists already fails a whole COPY. So rows that this or the last transaction has sent before,
    as the second half of a moment whose sensors come in several messages, are put aside and merged after it;
    only for a row from further back everything is sent once more, to be merged.
    """

    def __init__(self, stream_id: int) -> None:
        self._stream_id = stream_id
        self._last: set[Key] = set()  # the rows of the last transaction

    def write(self, connection: Connection, slices: Iterator[ReadingBatch]) -> int:
        """Store slices, each merged in itself, as :func:`readings.write` would; how many, from the first on.

        It ends before a slice that needs day partitions which are not there: they must be made before a
        transaction's first row, lest two that make them wait for each other.
        """
        first = next(slices, None)
        if first is None:
            return 0
        sending = _Sending(self._last, self._room(connection, readings.utc_days(first.times_us)))
        try:
            with connection.begin_nested(), readings.open_copy(connection) as copy:
                copy.write(HEADER)
                for rows in sending.fresh(first, slices):
                    for some in encode_rows(self._stream_id, *rows):
                        copy.write(some)
                copy.write(TRAILER)
            self._merge(connection, sending.aside)
        except psycopg.errors.UniqueViolation:
            self._merge(connection, sending.taken)
        self._last = sending.sent
        return len(sending.taken)

    def _room(self, connection: Connection, wanted: set[date]) -> set[date]:
        """The days that there are partitions for, the wanted ones among them."""
        days = partitions.existing_days(connection, "reading")
        if not wanted <= days:
            partitions.ensure(connection, "reading", wanted)
        return days | wanted

    def _merge(self, connection: Connection, batches: list[ReadingBatch]) -> None:
        if batches:
            readings.merge_rows(connection, encode_readings(self._stream_id, *merge(joined(batches))))


class _Sending:
    """One transaction's slices: what goes out at once, and what has to wait."""

    def __init__(self, before: set[Key], days: set[date]) -> None:
        self.taken: list[ReadingBatch] = []
        self.aside: list[ReadingBatch] = []  # rows that exist
        self.sent: set[Key] = set()
        self._before = before
        self._days = days

    def fresh(self, first: ReadingBatch, others: Iterator[ReadingBatch]) -> Iterator[ReadingBatch]:
        """The rows of each slice that nobody is known to have written."""
        yield self._take(first)
        for rows in others:
            if not readings.utc_days(rows.times_us) <= self._days:
                return
            yield self._take(rows)

    def _take(self, rows: ReadingBatch) -> ReadingBatch:
        self.taken.append(rows)
        keys = rows.moments()
        known = self.sent.intersection(keys) | self._before.intersection(keys)
        self.sent.update(keys)
        if not known:
            return rows
        self.aside.append(rows.take([row for row, key in enumerate(keys) if key in known]))
        return rows.take([row for row, key in enumerate(keys) if key not in known])
