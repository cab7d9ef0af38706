"""``tfstream record``: readings into Postgres, for training and for looking back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection

from tfstream.app.feed import Feed
from tfstream.app.metrics import UNREADABLE, Board, Sample
from tfstream.core.batch import merge
from tfstream.core.codec import Codec
from tfstream.core.reading import InvalidReading, Reading
from tfstream.storage import readings
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.client import Properties
from tfstream.streaming.records import Record

_log = logging.getLogger("tfstream.record")
_REPORT_EVERY_S = 30.0


class Recorder:
    """Writes a stream's readings. Unreadable messages are counted; diverting them is the scorer's part."""

    def __init__(
        self, properties: Properties, database: Database, stream: StreamRecord, board: Board | None = None
    ) -> None:
        self.unreadable = 0
        self._board = board or Board()
        self._stream = stream
        self._codec = Codec(stream.definition)
        self._feed = Feed(properties, database, stream.definition.topic, "record", self._write, self._board)

    @property
    def recorded(self) -> int:
        """Records dealt with so far."""
        return self._feed.written

    def run(self, stop: Callable[[], bool], *, until_end: bool = False) -> int:
        """Until ``stop`` says so, or until the topic's end; returns the records dealt with."""
        report_at = time.monotonic() + _REPORT_EVERY_S
        with self._feed as feed:
            while not stop() and not (until_end and feed.exhausted):
                feed.step(timeout_s=0.2)
                if time.monotonic() >= report_at:
                    _log.info("%d messages recorded, %d unreadable", feed.written, self.unreadable)
                    report_at += _REPORT_EVERY_S
        return self._feed.written

    def _write(self, connection: Connection, records: Sequence[Record]) -> None:
        batch = merge(self._readable(records))
        if batch is not None:
            readings.write(connection, self._stream.id, batch.assets, batch.times_us, batch.values)
        own = ("record", self._stream.definition.topic)
        self._board.publish("unreadable", [Sample(UNREADABLE, own, self.unreadable)])

    def _readable(self, records: Sequence[Record]) -> Iterator[Reading]:
        for record in records:
            try:
                yield self._codec.decode(record.value, record.key, record.time_ms)
            except InvalidReading:
                self.unreadable += 1
