"""The sink: writes anomaly events and scores from their topics into PostgreSQL, each exactly once.

It runs as a thread of ``tfstream score`` or as a process, ``tfstream sink``. In both cases it reads committed
records from Kafka, so the tables hold what the topics hold.
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
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.records import Record
from tfstream.streaming.topics import anomalies_topic, scores_topic

_log = logging.getLogger("tfstream.sink")
_Message = TypeVar("_Message", AnomalyEvent, ScoreRecord)


class Sink:
    """Writes one stream's rows of the tables ``anomaly`` and ``score``."""

    def __init__(
        self,
        properties: Properties,
        database: Database,
        stream: StreamRecord,
        board: MetricBoard | None = None,
    ) -> None:
        self._stream = stream
        topic = stream.definition.topic
        self._consumers = (
            TransactionalConsumer(
                properties, database, anomalies_topic(topic), "sink", self._write_anomalies, board
            ),
            TransactionalConsumer(
                properties, database, scores_topic(topic), "sink", self._write_scores, board
            ),
        )

    def run(self, stop: Callable[[], bool], *, until_end: Callable[[], bool] = lambda: False) -> None:
        """Write until ``stop`` returns True.

        Once ``until_end`` returns True it also ends when both topics are read to their present ends.
        """
        with ExitStack() as stack:
            consumers = [stack.enter_context(consumer) for consumer in self._consumers]
            while not stop():
                ending = until_end()  # before the reads: they must include all records written until now
                written = sum(consumer.step() for consumer in consumers)
                if ending and not written and all(consumer.caught_up() for consumer in consumers):
                    return

    def _write_anomalies(self, connection: Connection, records: Sequence[Record]) -> int:
        anomalies.apply(connection, self._stream.id, _decode(records, AnomalyEvent))
        return len(records)

    def _write_scores(self, connection: Connection, records: Sequence[Record]) -> int:
        scores.write(connection, self._stream.id, _decode(records, ScoreRecord))
        return len(records)


def _decode(records: Sequence[Record], kind: type[_Message]) -> list[_Message]:
    """Decode the scorer's own messages; log and skip any other message in the topic."""
    messages = []
    for record in records:
        try:
            message = msgspec.json.decode(record.value or b"", type=kind)
            message.check()
            messages.append(message)
        except ValueError as error:  # msgspec's errors and UnicodeDecodeError are ValueErrors, too
            _log.warning(
                "partition %d, offset %d does not hold a valid %s: %s",
                record.partition,
                record.offset,
                kind.__name__,
                error,
            )
    return messages


def background_sink(sink: Sink, *, drain: bool) -> Background:
    """The sink as a thread beside a scorer.

    With ``drain`` it ends only when all records of its topics are in the database.
    """
    if drain:
        return Background("sink", lambda ending: sink.run(lambda: False, until_end=ending))
    return Background("sink", sink.run)
