"""Writes a stream of readings while it arrives: the server stores a slice while the next slice is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psycopg
from sqlalchemy import Connection

from tfstream.core.messages.reading_batch import Key, ReadingBatch, concatenate, merge
from tfstream.storage import partitions, readings
from tfstream.storage.binary_copy import HEADER, TRAILER, encode_readings, encode_rows


class ReadingCopy:
    """Writes one stream's readings, a transaction at a time, through one COPY that takes all its slices.

    A row that exists already fails the whole COPY. So a row that this transaction or the last one has sent,
    as happens when the sensors of one time come in several messages, is set aside and merged after the COPY.
    Only when a row exists from earlier does the COPY fail; then all rows of the transaction are merged.
    """

    def __init__(self, stream_id: int) -> None:
        self._stream_id = stream_id
        self._last: set[Key] = set()  # the keys of the last transaction's rows

    def write(self, connection: Connection, slices: Iterator[ReadingBatch]) -> int:
        """Store slices as :func:`readings.write` would; returns how many it stored, from the first on.

        No slice may hold two rows of the same asset and time. Writing stops before a slice that needs a
        missing day partition: partitions must be made before a transaction's first row, because two
        transactions that hold rows and make partitions could wait for each other.
        """
        first = next(slices, None)
        if first is None:
            return 0
        outgoing = _OutgoingRows(self._last, self._ensure_days(connection, readings.utc_days(first.times_us)))
        try:
            with connection.begin_nested(), readings.open_copy(connection) as copy:
                copy.write(HEADER)
                for rows in outgoing.new_rows(first, slices):
                    for group in encode_rows(self._stream_id, *rows):
                        copy.write(group)
                copy.write(TRAILER)
            self._merge(connection, outgoing.known)
        except psycopg.errors.UniqueViolation:
            self._merge(connection, outgoing.slices)
        self._last = outgoing.keys
        return len(outgoing.slices)

    def _ensure_days(self, connection: Connection, wanted: set[date]) -> set[date]:
        """Make the partitions of the wanted days; returns all days that have a partition."""
        days = partitions.existing_days(connection, "reading")
        if not wanted <= days:
            partitions.ensure(connection, "reading", wanted)
        return days | wanted

    def _merge(self, connection: Connection, batches: list[ReadingBatch]) -> None:
        if batches:
            readings.merge_rows(connection, encode_readings(self._stream_id, *merge(concatenate(batches))))


class _OutgoingRows:
    """One transaction's slices, split into rows for the COPY and rows to be merged after it."""

    def __init__(self, before: set[Key], days: set[date]) -> None:
        self.slices: list[ReadingBatch] = []
        self.known: list[ReadingBatch] = []  # rows that were sent before, to be merged
        self.keys: set[Key] = set()
        self._before = before
        self._days = days

    def new_rows(self, first: ReadingBatch, others: Iterator[ReadingBatch]) -> Iterator[ReadingBatch]:
        """The rows of each slice that neither this transaction nor the last one has sent."""
        yield self._split(first)
        for rows in others:
            if not readings.utc_days(rows.times_us) <= self._days:
                return
            yield self._split(rows)

    def _split(self, rows: ReadingBatch) -> ReadingBatch:
        """Remember the slice; returns its new rows."""
        self.slices.append(rows)
        keys = rows.row_keys()
        known = self.keys.intersection(keys) | self._before.intersection(keys)
        self.keys.update(keys)
        if not known:
            return rows
        self.known.append(rows.take([row for row, key in enumerate(keys) if key in known]))
        return rows.take([row for row, key in enumerate(keys) if key not in known])
