"""Kafka into PostgreSQL, exactly once: each batch with its offsets in one database transaction.

The offsets are in the ``progress`` table, which moves them by compare-and-swap: of two processes that both
believe that they own a partition, one fails its transaction and starts again from the stored offset.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from tfstream.app.ingest.transaction_size import TransactionSize
from tfstream.app.runtime import metrics
from tfstream.app.runtime.backoff import Backoff
from tfstream.app.runtime.metrics import MetricBoard, Sample
from tfstream.errors import ServiceUnavailable
from tfstream.storage import progress
from tfstream.storage.database import Connection, Database
from tfstream.storage.driver_errors import OutOfLocks
from tfstream.storage.progress import OffsetConflict
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.consumer.source import Source
from tfstream.streaming.records import Record
from tfstream.streaming.topic_id import TopicIdentity, is_another_topic

_log = logging.getLogger("tfstream.feed")
_PUBLISH_S = 1.0

Write = Callable[[Connection, Sequence[Record]], int]  # returns how many records it wrote, from the first on


class TransactionalConsumer:
    """Passes one topic's records to ``write``, in the database transaction that also moves the offsets.

    While the database or the broker is away the partitions stay assigned and paused; reading continues later
    where it stopped, and nothing is lost. A new partition is read as soon as the database names its offset.
    """

    def __init__(
        self,
        properties: Properties,
        database: Database,
        topic: str,
        consumer: str,
        write: Write,
        board: MetricBoard | None = None,
    ) -> None:
        self.written = 0  # records
        self._board = board or MetricBoard()
        self._publish_at = 0.0
        self._commits = 0
        self._committed_at = 0.0
        self._database = database
        self._topic = topic
        self._consumer = consumer
        self._write = write
        self._stored_offsets: dict[int, int | None] = {}  # of each owned partition, as the database holds it
        self._unwritten: dict[int, list[Record]] = {}
        self._without_offset: set[int] = set()  # assigned, and the database has not named an offset yet
        self._size = TransactionSize()
        self._backoff = Backoff(_log)
        self._identity = TopicIdentity(properties, topic)
        self._topic_id = ""  # of the topic that the stored offsets belong to
        self._recreated: set[int] = set()  # partitions whose stored offsets belong to an older topic
        self._source = Source(properties, topic, f"tfstream.{consumer}.{topic}", self)

    def __enter__(self) -> TransactionalConsumer:
        self._source.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._source.__exit__(None, None, None)

    @property
    def exhausted(self) -> bool:
        """Whether all records up to the topic's last reported end are in the database."""
        return self._source.exhausted and not self._unwritten and not self._without_offset

    def caught_up(self) -> bool:
        """Whether all records that the topic holds now are in the database; asks the broker.

        :raises ServiceUnavailable: when the broker does not answer.
        """
        return self.exhausted and self._source.caught_up()

    def step(self, *, max_records: int = 5000, timeout_s: float = 0.05) -> int:
        """Read a batch and write it; returns the number of records that reached the database."""
        written = self._read_and_write(max_records, timeout_s)
        if time.monotonic() >= self._publish_at:
            self._publish_at = time.monotonic() + _PUBLISH_S
            self._board.publish(f"{self._consumer} {self._topic}", self._samples())
        return written

    def assigned(self, partitions: Sequence[int]) -> None:
        """Called by the source."""
        self._without_offset.update(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        """Called by the source."""
        for partition in partitions:
            self._stored_offsets.pop(partition, None)
            self._unwritten.pop(partition, None)
            self._without_offset.discard(partition)

    def _read_and_write(self, max_records: int, timeout_s: float) -> int:
        # no more than the step may write: what transactions of few records leave must not grow
        room = max_records - sum(map(len, self._unwritten.values()))
        for record in self._source.poll(max_records=max(1, room), timeout_s=timeout_s):
            self._unwritten.setdefault(record.partition, []).append(record)
        if not self._backoff.due:
            return 0
        if not (self._unwritten or self._without_offset):
            self._resume()  # a revocation may have removed all that waited for the database
            return 0
        return self._try_to_write()

    def _try_to_write(self) -> int:
        if self._unwritten:
            self._check_topic(self._identity.recent())
        try:
            if self._without_offset:
                self._start_partitions()
            written = self._write_batch() if self._unwritten else 0
            self._resume()
            return written
        except OffsetConflict as conflict:
            _log.warning("%s; reading again from the stored offset", conflict)
            self._restart_partitions()
        except ServiceUnavailable as error:
            self._source.pause()  # fetch no more; keep the partitions and the records
            self._backoff.failed(error)
        return 0

    def _start_partitions(self) -> None:
        """Read assigned partitions from their stored offsets, or from the beginning."""
        with self._database.begin() as connection:
            stored = progress.next_offsets(connection, self._consumer, self._topic)
        self._check_topic(self._identity.fetch())
        bounds = self._source.offsets.bounds(sorted(self._without_offset))
        starts = {p: self._start_offset(p, stored.get(p, 0), *bounds[p]) for p in bounds}
        self._source.read_from(starts)
        self._stored_offsets.update({partition: stored.get(partition) for partition in starts})
        self._without_offset.clear()
        self._recreated.difference_update(starts)

    def _check_topic(self, topic_id: str) -> None:
        """In a topic that was deleted and created again, the stored offsets name other messages."""
        if is_another_topic(self._topic_id, topic_id):
            self._recreated.update(self._source.owned)
            self._restart_partitions()
        self._topic_id = topic_id or self._topic_id

    def _start_offset(self, partition: int, stored: int, low: int, high: int) -> int:
        if stored > high or partition in self._recreated:
            _log.warning(
                "partition %d: topic %s was deleted and created again; beginning at offset %d",
                partition,
                self._topic,
                low,
            )
            return low
        return max(stored, low)

    def _restart_partitions(self) -> None:
        """Drop all unwritten records, and read the stored offsets again."""
        partitions = sorted(self._stored_offsets)
        self._unwritten.clear()
        self._source.hold(partitions)
        self._without_offset.update(partitions)

    def _write_batch(self) -> int:
        """Write the records in one transaction, or as many of them as fit; returns the number written."""
        records = [record for partition in sorted(self._unwritten) for record in self._unwritten[partition]]
        while True:
            try:
                written = self._commit(records[: self._size.max_records])
                self._size.succeeded()
                return written
            except OutOfLocks:
                if not self._size.shrink(len(records)):
                    raise

    def _commit(self, records: Sequence[Record]) -> int:
        with self._database.begin() as connection:
            written = self._write(connection, records)
            next_offsets = {record.partition: record.offset + 1 for record in records[:written]}
            for partition, next_offset in next_offsets.items():
                stored = self._stored_offsets[partition]
                progress.advance(connection, self._consumer, self._topic, partition, stored, next_offset)
        self._stored_offsets.update(next_offsets)
        for partition, next_offset in next_offsets.items():
            rest = [record for record in self._unwritten.pop(partition) if record.offset >= next_offset]
            if rest:
                self._unwritten[partition] = rest
        self.written += written
        self._commits += 1
        self._committed_at = time.time()
        return written

    def _resume(self) -> None:
        if self._backoff.waiting:
            _log.info("%s: reading and writing again", self._topic)
            self._source.resume()
        self._backoff.succeeded()

    def _samples(self) -> list[Sample]:
        own = (self._consumer, self._topic)
        samples = [
            Sample(metrics.MESSAGES, own, self.written),
            Sample(metrics.COMMITS, own, self._commits),
            Sample(metrics.LAST_ROUND, own, time.time()),
            Sample(metrics.PARTITIONS, own, len(self._source.owned)),
            Sample(metrics.WAITING, own, float(self._backoff.waiting)),
        ]
        if self._committed_at:
            samples.append(Sample(metrics.LAST_COMMIT, own, self._committed_at))
        for partition, stored in self._stored_offsets.items():
            lag = self._source.lag(partition, stored or 0)
            samples.append(Sample(metrics.LAG, (*own, str(partition)), lag))
        return samples
