"""``tfstream record``: readings into Postgres, for training and for looking back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tfstream.app.ingest.gc_threshold import raised_gc_threshold
from tfstream.app.ingest.transactional_consumer import TransactionalConsumer
from tfstream.app.runtime.metrics import UNREADABLE, MetricBoard, Sample
from tfstream.core.messages.codec import Codec, Packed, unpack
from tfstream.core.messages.reading_batch import ReadingBatch, merge
from tfstream.core.reading import InvalidReading
from tfstream.storage.database import Connection, Database
from tfstream.storage.reading_copy import ReadingCopy
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.properties import Properties
from tfstream.streaming.records import Record

_log = logging.getLogger("tfstream.record")
_REPORT_EVERY_S = 30.0
_MOST_CELLS, _MOST = 1 << 20, 10_000  # in one transaction: some 30 MB of messages, however wide they are
_SLICE_CELLS, _SLICE_MOST = 1 << 15, 512  # about what a socket takes at once: the server never runs dry


def max_transaction_messages(sensors: int) -> int:
    """The messages of a stream of so many sensors that go into one transaction, at most."""
    return max(1, min(_MOST, _MOST_CELLS // sensors))


class Recorder:
    """Writes a stream's readings. Unreadable messages are counted; diverting them is the scorer's part."""

    def __init__(
        self,
        properties: Properties,
        database: Database,
        stream: StreamRecord,
        board: MetricBoard | None = None,
    ) -> None:
        self.unreadable = 0
        self._board = board or MetricBoard()
        self._stream = stream
        self._codec = Codec(stream.definition)
        self._inflow = ReadingCopy(stream.id)
        self._sensors = len(stream.definition.sensors)
        self._slice = max(1, min(_SLICE_MOST, _SLICE_CELLS // self._sensors))  # records
        self._feed = TransactionalConsumer(
            properties, database, stream.definition.topic, "record", self._write, self._board
        )

    @property
    def recorded(self) -> int:
        """Records dealt with so far."""
        return self._feed.written

    def run(self, stop: Callable[[], bool], *, until_end: bool = False) -> int:
        """Until ``stop`` says so, or until the topic's end; returns the records dealt with."""
        report_at = time.monotonic() + _REPORT_EVERY_S
        with raised_gc_threshold(), self._feed as feed:
            while not stop() and not (until_end and feed.exhausted):
                feed.step(max_records=max_transaction_messages(self._sensors), timeout_s=0.2)
                if time.monotonic() >= report_at:
                    _log.info("%d messages recorded, %d unreadable", feed.written, self.unreadable)
                    report_at += _REPORT_EVERY_S
        return self._feed.written

    def _write(self, connection: Connection, records: Sequence[Record]) -> int:
        slices = [records[at : at + self._slice] for at in range(0, len(records), self._slice)]
        unreadable: list[int] = []  # in each slice
        taken = self._inflow.write(connection, self._decoded(slices, unreadable))
        self.unreadable += sum(unreadable[:taken])
        own = ("record", self._stream.definition.topic)
        self._board.publish("unreadable", [Sample(UNREADABLE, own, self.unreadable)])
        return sum(map(len, slices[:taken]))

    def _decoded(self, slices: Sequence[Sequence[Record]], unreadable: list[int]) -> Iterator[ReadingBatch]:
        for records in slices:
            rows = self._readable(records)
            unreadable.append(len(records) - len(rows))
            assets, times, cells = zip(*rows, strict=True) if rows else ((), (), ())
            times_us, values = np.array(times, dtype=np.int64), unpack(cells, self._sensors)
            yield merge(ReadingBatch(assets, times_us, values))

    def _readable(self, records: Sequence[Record]) -> list[Packed]:
        rows = []
        pack = self._codec.pack
        for record in records:
            try:
                rows.append(pack(record.value, record.key, record.time_ms))
            except InvalidReading:
                continue
        return rows
