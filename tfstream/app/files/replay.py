"""``tfstream replay``: a file to Kafka, as the sensors would have sent it."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tfstream.app.files.load import mapped
from tfstream.app.files.sensor_table import SensorTable
from tfstream.core.messages.encode import encode
from tfstream.core.reading import Reading
from tfstream.core.stream import StreamDefinition, TimeUnit
from tfstream.errors import TfstreamError
from tfstream.streaming.client import Properties, new_producer
from tfstream.streaming.kafka_errors import access_denied
from tfstream.streaming.topics import ensure_topic

_REPORT_EVERY = 200
_FLUSH_S = 120.0


def replay(
    properties: Properties,
    table: SensorTable,
    definition: StreamDefinition,
    *,
    speed: float | None = None,
    partitions: int = 3,
    progress: Callable[[float], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send a table in the order of time, keyed by asset; returns the number of messages delivered.

    :param speed: so many times real time; None is as fast as the broker takes it.
    :raises TfstreamError: when a message cannot be delivered.
    """
    ordered = table.in_order_of_time()
    values = mapped(ordered, definition)
    ensure_topic(properties, definition.topic, partitions)
    sender = _Sender(properties, definition.topic)
    own_time = definition.time_unit is TimeUnit.RECORD  # the record's timestamp is the only place for it
    pace = _Pace(speed, int(ordered.times_us[0]))
    for row, (asset, time_us) in enumerate(zip(ordered.assets, ordered.times_us.tolist(), strict=True)):
        if not pace.wait_for(time_us, sender.poll, stop):
            break
        for message in encode(Reading(asset, time_us, values[row]), definition):
            sender.send(asset.encode(), message, time_us // 1000 if own_time else None)
        if row % _REPORT_EVERY == 0:
            progress(row / len(values))
    delivered = sender.finish()
    progress(1.0)
    return delivered


class _Pace:
    """Event time against the clock on the wall."""

    def __init__(self, speed: float | None, first_us: int) -> None:
        self._speed = speed
        self._first_us = first_us
        self._began = time.monotonic()

    def wait_for(self, time_us: int, meanwhile: Callable[[float], None], stop: Callable[[], bool]) -> bool:
        """Until a reading is due; False when told to stop first."""
        while not stop():
            if self._speed is None:
                return True
            early = (time_us - self._first_us) / 1e6 / self._speed - (time.monotonic() - self._began)
            if early <= 0:
                return True
            meanwhile(min(early, 0.1))
        return False


class _Sender:
    """A producer that remembers the first failure and counts what arrived."""

    def __init__(self, properties: Properties, topic: str) -> None:
        self._properties = properties
        self._producer: Producer = new_producer(properties)
        self._topic = topic
        self._delivered = 0
        self._failure: KafkaError | None = None

    def send(self, key: bytes, value: bytes, time_ms: int | None) -> None:
        """With its own timestamp, or else the present."""
        while True:
            try:
                self._producer.produce(
                    self._topic, value, key, on_delivery=self._on_delivery, timestamp=time_ms or 0
                )
                break
            except BufferError:  # the local queue is full: let it drain
                self.poll(0.1)
        self.poll(0.0)

    def poll(self, timeout_s: float) -> None:
        self._serve(lambda: self._producer.poll(timeout_s))
        if self._failure is not None:
            denied = access_denied(self._properties, self._failure, f"WRITE on topic {self._topic}")
            raise denied or TfstreamError(
                f"a message to {self._topic} was not delivered: {self._failure.str()}"
            )

    def _serve(self, call: Callable[[], int]) -> int:
        """Deliveries are reported from inside these calls, and a fatal error ends them.

        Callbacks that come after it meet an exception that is already set, which Python calls a SystemError.
        """
        try:
            return call()
        except (KafkaException, SystemError) as error:
            fatal = error if isinstance(error, KafkaException) else error.__cause__
            if not isinstance(fatal, KafkaException):
                raise
            self._failure = fatal.args[0]
            return 0

    def finish(self) -> int:
        waiting = self._serve(lambda: self._producer.flush(_FLUSH_S))
        self.poll(0.0)
        if waiting:
            raise TfstreamError(f"{waiting} messages to {self._topic} were not delivered in {_FLUSH_S:.0f} s")
        return self._delivered

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._delivered += 1
        elif self._failure is None:
            self._failure = error
