"""The sink: anomaly events and scores from their topics into Postgres, each exactly once.

It runs as a thread of ``tfstream score`` or alone as ``tfstream sink``; either way it reads what was
committed to Kafka, so that the tables say what the topics say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

import msgspec

from tfstream.app.ingest.transactional_consumer import TransactionalConsumer
from tfstream.app.runtime.background import Background
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.core.messages.anomaly_event import AnomalyEvent, ScoreRecord
from tfstream.storage import anomalies, scores
from tfstream.storage.database import Connection, Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.properties import Properties
from tfstream.streaming.records import Record
from tfstream.streaming.topics import anomalies_topic, scores_topic

_log = logging.getLogger("tfstream.sink")
_Message = TypeVar("_Message", AnomalyEvent, ScoreRecord)


class Sink:
    """Fills ``anomaly`` and ``score`` of one stream."""

    def __init__(
        self,
        properties: Properties,
        database: Database,
        stream: StreamRecord,
        board: MetricBoard | None = None,
    ) -> None:
        self._stream = stream
        topic = stream.definition.topic
        self._feeds = (
            TransactionalConsumer(
                properties, database, anomalies_topic(topic), "sink", self._write_anomalies, board
            ),
            TransactionalConsumer(
                properties, database, scores_topic(topic), "sink", self._write_scores, board
            ),
        )

    def run(self, stop: Callable[[], bool], *, until_end: Callable[[], bool] = lambda: False) -> None:
        """Until ``stop``; or, once ``until_end`` says so, until both topics have been read to their ends."""
        with ExitStack() as stack:
            feeds = [stack.enter_context(feed) for feed in self._feeds]
            while not stop():
                ending = until_end()  # asked before reading: what was written before it must still be read
                moved = sum(feed.step() for feed in feeds)
                if ending and not moved and all(feed.caught_up() for feed in feeds):
                    return

    def _write_anomalies(self, connection: Connection, records: Sequence[Record]) -> int:
        anomalies.apply(connection, self._stream.id, _decode(records, AnomalyEvent))
        return len(records)

    def _write_scores(self, connection: Connection, records: Sequence[Record]) -> int:
        scores.write(connection, self._stream.id, _decode(records, ScoreRecord))
        return len(records)


def _decode(records: Sequence[Record], kind: type[_Message]) -> list[_Message]:
    """Our own messages back from their topic; somebody else's are named in the log and passed over."""
    messages = []
    for record in records:
        try:
            message = msgspec.json.decode(record.value or b"", type=kind)
            message.check()
            messages.append(message)
        except ValueError as error:  # msgspec's errors and UnicodeDecodeError are ValueErrors, too
            _log.warning(
                "partition %d, offset %d is no %s: %s", record.partition, record.offset, kind.__name__, error
            )
    return messages


def background_sink(sink: Sink, *, drain: bool) -> Background:
    """The sink beside a scorer; with ``drain`` it ends only when all that was written is in the database."""
    if drain:
        return Background("sink", lambda ending: sink.run(lambda: False, until_end=ending))
    return Background("sink", sink.run)
