"""Kafka into PostgreSQL, exactly once: each batch with its offsets in one database transaction.

The offsets live in the ``progress`` table and are moved by compare-and-swap: of two processes that believe
they own a partition, one fails its transaction and starts again from what the database says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from tfstream.app.runtime import metrics
from tfstream.app.runtime.backoff import Backoff
from tfstream.app.runtime.metrics import MetricBoard, Sample
from tfstream.errors import ServiceUnavailable
from tfstream.storage import progress
from tfstream.storage.database import Connection, Database
from tfstream.storage.driver_errors import OutOfLocks
from tfstream.storage.progress import OffsetConflict
from tfstream.streaming.properties import Properties
from tfstream.streaming.records import Record
from tfstream.streaming.source import Source
from tfstream.streaming.topic_id import TopicIdentity, is_another_topic

_log = logging.getLogger("tfstream.feed")
_MOST = 1 << 30  # as many as have come, unless they touch more day partitions than the server has locks for
_TRY_MORE_AFTER = 16  # transactions that went well
_PUBLISH_S = 1.0

Write = Callable[[Connection, Sequence[Record]], int]  # how many it took, from the first on


class TransactionalConsumer:
    """Feeds one topic to ``write``, which gets the connection of the transaction that also moves the offsets.

    While the database or the broker is away the partitions stay assigned and paused; nothing is lost, reading
    goes on where it was. A new partition is placed as soon as the database says where it stands.
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
        self.written = 0
        self._board = board or MetricBoard()
        self._publish_at = 0.0
        self._commits = 0
        self._committed_at = 0.0
        self._database = database
        self._topic = topic
        self._consumer = consumer
        self._write = write
        self._expected: dict[int, int | None] = {}  # what the database holds for each owned partition
        self._held: dict[int, list[Record]] = {}  # read, not yet written
        self._unplaced: set[int] = set()  # assigned, and the database has not yet said where to start
        self._most = _MOST  # records in one transaction
        self._went_well = 0  # transactions since that was last changed
        self._patience = Backoff(_log)
        self._identity = TopicIdentity(properties, topic)
        self._topic_id = ""  # of the topic that the offsets of the partitions mean
        self._of_another: set[int] = set()  # partitions whose stored offsets mean an older topic's messages
        self._source = Source(properties, topic, f"tfstream.{consumer}.{topic}", self)

    def __enter__(self) -> TransactionalConsumer:
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

    def step(self, *, max_records: int = 5000, timeout_s: float = 0.05) -> int:
        """Read a batch and write it; returns the number of records that reached the database."""
        written = self._read_and_write(max_records, timeout_s)
        if time.monotonic() >= self._publish_at:
            self._publish_at = time.monotonic() + _PUBLISH_S
            self._board.publish(f"{self._consumer} {self._topic}", self._samples())
        return written

    def _read_and_write(self, max_records: int, timeout_s: float) -> int:
        room = max_records - sum(
            map(len, self._held.values())
        )  # where little is written at a time, little is read
        for record in self._source.poll(max_records=max(1, room), timeout_s=timeout_s):
            self._held.setdefault(record.partition, []).append(record)
        if not self._patience.due:
            return 0
        if not (self._held or self._unplaced):
            self._go_on()  # what waited for the database may have been revoked meanwhile
            return 0
        if self._held:
            self._notice(self._identity.recent())
        try:
            if self._unplaced:
                self._place()
            written = self._flush() if self._held else 0
            self._go_on()
            return written
        except OffsetConflict as conflict:
            _log.warning("%s; reading again from there", conflict)
            self._drop_all()
        except ServiceUnavailable as away:
            self._source.pause()  # fetch no more, keep the partitions and what was read
            self._patience.failed(away)
        return 0

    def assigned(self, partitions: Sequence[int]) -> None:
        self._unplaced.update(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._expected.pop(partition, None)
            self._held.pop(partition, None)
            self._unplaced.discard(partition)

    def _place(self) -> None:
        """Start where the database says, or at the beginning."""
        with self._database.begin() as connection:
            stored = progress.next_offsets(connection, self._consumer, self._topic)
        self._notice(self._identity.fetch())
        bounds = self._source.offsets.bounds(sorted(self._unplaced))
        starts = {p: self._start_of(p, stored.get(p, 0), *bounds[p]) for p in bounds}
        self._source.read_from(starts)
        self._expected.update({partition: stored.get(partition) for partition in starts})
        self._unplaced.clear()
        self._of_another.difference_update(starts)

    def _notice(self, topic_id: str) -> None:
        """A topic that was made anew has other messages at the offsets that are stored for its partitions."""
        if is_another_topic(self._topic_id, topic_id):
            self._of_another.update(self._source.owned)
            self._drop_all()
        self._topic_id = topic_id or self._topic_id

    def _start_of(self, partition: int, stored: int, low: int, high: int) -> int:
        if stored > high or partition in self._of_another:
            _log.warning(
                "partition %d: topic %s was made anew; beginning at offset %d", partition, self._topic, low
            )
            return low
        return max(stored, low)

    def _drop_all(self) -> None:
        partitions = sorted(self._expected)
        self._held.clear()
        self._source.hold(partitions)
        self._unplaced.update(partitions)

    def _flush(self) -> int:
        """Write what is held, or as much as can go in one transaction; returns how much that was."""
        records = [record for partition in sorted(self._held) for record in self._held[partition]]
        while True:
            try:
                written = self._write_some(records[: self._most])
                self._take_on_more()
                return written
            except OutOfLocks:
                if self._most == 1:
                    raise
                self._most, self._went_well = max(1, min(self._most, len(records)) // 4), 0

    def _take_on_more(self) -> None:
        """What took many locks may be over: try twice as much, and not too often in vain."""
        self._went_well += 1
        if self._went_well >= _TRY_MORE_AFTER:
            self._most, self._went_well = min(2 * self._most, _MOST), 0

    def _write_some(self, records: Sequence[Record]) -> int:
        with self._database.begin() as connection:
            taken = self._write(connection, records)
            moved = {record.partition: record.offset + 1 for record in records[:taken]}
            for partition, following in moved.items():
                expected = self._expected[partition]
                progress.advance(connection, self._consumer, self._topic, partition, expected, following)
        self._expected.update(moved)
        for partition, following in moved.items():
            rest = [record for record in self._held.pop(partition) if record.offset >= following]
            if rest:
                self._held[partition] = rest
        self.written += taken
        self._commits += 1
        self._committed_at = time.time()
        return taken

    def _samples(self) -> list[Sample]:
        own = (self._consumer, self._topic)
        samples = [
            Sample(metrics.MESSAGES, own, self.written),
            Sample(metrics.COMMITS, own, self._commits),
            Sample(metrics.LAST_ROUND, own, time.time()),
            Sample(metrics.PARTITIONS, own, len(self._source.owned)),
            Sample(metrics.WAITING, own, float(self._patience.waiting)),
        ]
        if self._committed_at:
            samples.append(Sample(metrics.LAST_COMMIT, own, self._committed_at))
        for partition, following in self._expected.items():
            behind = self._source.lag(partition, following or 0)
            samples.append(Sample(metrics.LAG, (*own, str(partition)), behind))
        return samples

    def _go_on(self) -> None:
        if self._patience.waiting:
            _log.info("%s goes on", self._topic)
            self._source.resume()
        self._patience.succeeded()
