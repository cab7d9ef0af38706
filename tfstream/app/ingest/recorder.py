"""``tfstream record``: readings into PostgreSQL, for training and for explanations."""

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
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.records import Record

_log = logging.getLogger("tfstream.record")
_REPORT_EVERY_S = 30.0
_MAX_CELLS, _MAX_MESSAGES = 1 << 20, 10_000  # in one transaction: about 30 MB of messages of any width
_SLICE_CELLS, _SLICE_MESSAGES = 1 << 15, 512  # about one socket buffer: the server always has data to store


def max_transaction_messages(sensors: int) -> int:
    """The largest number of messages in one transaction, for a stream with ``sensors`` sensors."""
    return max(1, min(_MAX_MESSAGES, _MAX_CELLS // sensors))


class Recorder:
    """Writes a stream's readings. It counts unreadable messages; the scorer writes the dead letters."""

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
        self._copy = ReadingCopy(stream.id)
        self._sensors = len(stream.definition.sensors)
        self._slice = max(1, min(_SLICE_MESSAGES, _SLICE_CELLS // self._sensors))  # records in a slice
        self._consumer = TransactionalConsumer(
            properties, database, stream.definition.topic, "record", self._write, self._board
        )

    @property
    def processed(self) -> int:
        """The number of processed records, with the unreadable ones."""
        return self._consumer.written

    def run(self, stop: Callable[[], bool], *, until_end: bool = False) -> int:
        """Record until ``stop`` returns True, or with ``until_end`` until the topic's end.

        Returns the number of processed records.
        """
        report_at = time.monotonic() + _REPORT_EVERY_S
        with raised_gc_threshold(), self._consumer as consumer:
            while not stop() and not (until_end and consumer.exhausted):
                consumer.step(max_records=max_transaction_messages(self._sensors), timeout_s=0.2)
                if time.monotonic() >= report_at:
                    _log.info(
                        "%d messages processed, %d of them unreadable", consumer.written, self.unreadable
                    )
                    report_at += _REPORT_EVERY_S
        return self._consumer.written

    def _write(self, connection: Connection, records: Sequence[Record]) -> int:
        slices = [records[at : at + self._slice] for at in range(0, len(records), self._slice)]
        unreadable: list[int] = []  # in each slice
        written = self._copy.write(connection, self._decode_slices(slices, unreadable))
        self.unreadable += sum(unreadable[:written])
        own = ("record", self._stream.definition.topic)
        self._board.publish("unreadable", [Sample(UNREADABLE, own, self.unreadable)])
        return sum(map(len, slices[:written]))

    def _decode_slices(
        self, slices: Sequence[Sequence[Record]], unreadable: list[int]
    ) -> Iterator[ReadingBatch]:
        for records in slices:
            rows = self._pack_readable(records)
            unreadable.append(len(records) - len(rows))
            assets, times, cells = zip(*rows, strict=True) if rows else ((), (), ())
            times_us, values = np.array(times, dtype=np.int64), unpack(cells, self._sensors)
            yield merge(ReadingBatch(assets, times_us, values))

    def _pack_readable(self, records: Sequence[Record]) -> list[Packed]:
        rows = []
        pack = self._codec.pack
        for record in records:
            try:
                rows.append(pack(record.value, record.key, record.time_ms))
            except InvalidReading:
                continue
        return rows
