"""Kafka into PostgreSQL, exactly once: each batch with its offsets in one database transaction.

The offsets live in the ``progress`` table and are moved by compare-and-swap: of two processes that believe
they own a partition, one fails its transaction and starts again from what the database says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from tfstream.app import metrics
from tfstream.app.metrics import Board, Sample
from tfstream.errors import ServiceUnavailable
from tfstream.storage import progress
from tfstream.storage.database import Database
from tfstream.storage.progress import OffsetConflict
from tfstream.streaming.client import Properties
from tfstream.streaming.records import Record
from tfstream.streaming.source import Source

_log = logging.getLogger("tfstream.feed")
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 30.0
_PUBLISH_S = 1.0

Write = Callable[[Connection, Sequence[Record]], None]


class Feed:
    """Feeds one topic to ``write``, which gets the connection of the transaction that also moves the offsets.

    While the database is down the partitions stay assigned and paused; nothing is lost, reading goes on where
    it was. Partitions that are assigned meanwhile are placed as soon as the database says where they stand.
    """

    def __init__(
        self,
        properties: Properties,
        database: Database,
        topic: str,
        consumer: str,
        write: Write,
        board: Board | None = None,
    ) -> None:
        self.written = 0
        self._board = board or Board()
        self._publish_at = 0.0
        self._commits = 0
        self._committed_at = 0.0
        self._database = database
        self._topic = topic
        self._consumer = consumer
        self._write = write
        self._expected: dict[int, int | None] = {}  # what the database holds for each owned partition
        self._held: dict[int, list[Record]] = {}  # read, not yet written
        self._unplaced: set[int] = set()  # assigned while the database could not say where to start
        self._retry_s = _FIRST_RETRY_S
        self._retry_at = 0.0
        self._source = Source(properties, topic, f"tfstream.{consumer}.{topic}", self)

    def __enter__(self) -> Feed:
        self._source.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._source.__exit__(None, None, None)

    @property
    def exhausted(self) -> bool:
        """Whether what the topic held when its end was last seen is in the database."""
        return self._source.exhausted and not self._held and not self._unplaced

    def caught_up(self) -> bool:
        """Whether all that the topic holds now is in the database; asks the broker."""
        return self.exhausted and self._source.caught_up()

    def step(self, *, most: int = 5000, timeout_s: float = 0.05) -> int:
        """Read a batch and write it; returns the number of records that reached the database."""
        written = self._read_and_write(most, timeout_s)
        if time.monotonic() >= self._publish_at:
            self._publish_at = time.monotonic() + _PUBLISH_S
            self._board.publish(f"{self._consumer} {self._topic}", self._samples())
        return written

    def _read_and_write(self, most: int, timeout_s: float) -> int:
        for record in self._source.poll(most=most, timeout_s=timeout_s):
            if record.partition not in self._unplaced:
                self._held.setdefault(record.partition, []).append(record)
        if not (self._held or self._unplaced) or time.monotonic() < self._retry_at:
            return 0
        try:
            if self._unplaced:
                self._source.seek(self._placed(sorted(self._unplaced)))
            written = self._flush() if self._held else 0
            self._database_is_back()
            return written
        except OffsetConflict as conflict:
            _log.warning("%s; reading again from there", conflict)
            self._source.seek(self.assigned(sorted(self._expected)))
        except ServiceUnavailable as down:
            self._wait_for_database(down)
        return 0

    def assigned(self, partitions: Sequence[int]) -> dict[int, int]:
        """Start where the database says, or at the beginning."""
        try:
            return self._placed(partitions)
        except ServiceUnavailable as down:
            self._unplaced.update(partitions)
            self._wait_for_database(down)
            return {partition: self._source.bounds(partition)[0] for partition in partitions}

    def revoked(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._expected.pop(partition, None)
            self._held.pop(partition, None)
            self._unplaced.discard(partition)

    def _placed(self, partitions: Sequence[int]) -> dict[int, int]:
        """The offset to read each partition from; what was read of it before counts for nothing."""
        with self._database.begin() as connection:
            stored = progress.positions(connection, self._consumer, self._topic)
        for partition in partitions:
            self._expected[partition] = stored.get(partition)
            self._held.pop(partition, None)
            self._unplaced.discard(partition)
        return {p: max(stored.get(p, 0), self._source.bounds(p)[0]) for p in partitions}

    def _flush(self) -> int:
        records = [record for partition in sorted(self._held) for record in self._held[partition]]
        moved = {partition: held[-1].offset + 1 for partition, held in self._held.items()}
        with self._database.begin() as connection:
            self._write(connection, records)
            for partition, following in moved.items():
                expected = self._expected[partition]
                progress.advance(connection, self._consumer, self._topic, partition, expected, following)
        self._expected.update(moved)
        self._held.clear()
        self.written += len(records)
        self._commits += 1
        self._committed_at = time.time()
        return len(records)

    def _samples(self) -> list[Sample]:
        own = (self._consumer, self._topic)
        samples = [
            Sample(metrics.MESSAGES, own, self.written),
            Sample(metrics.COMMITS, own, self._commits),
            Sample(metrics.LAST_ROUND, own, time.time()),
            Sample(metrics.PARTITIONS, own, len(self._source.owned)),
            Sample(metrics.WAITING, own, float(self._retry_at > 0)),
        ]
        if self._committed_at:
            samples.append(Sample(metrics.LAST_COMMIT, own, self._committed_at))
        for partition, following in self._expected.items():
            behind = self._source.behind(partition, following or 0)
            samples.append(Sample(metrics.LAG, (*own, str(partition)), behind))
        return samples

    def _database_is_back(self) -> None:
        if self._retry_at:
            _log.info("the database is back; %s goes on", self._topic)
            self._retry_at, self._retry_s = 0.0, _FIRST_RETRY_S
            self._source.resume()

    def _wait_for_database(self, down: ServiceUnavailable) -> None:
        """Keep the partitions and what was read, fetch no more, try again later."""
        _log.warning("%s; trying again in %.1f s", down, self._retry_s)
        self._source.pause()
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
