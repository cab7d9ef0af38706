"""Sends messages to one topic and checks that each is delivered."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tfstream.errors import TfstreamError
from tfstream.streaming.connection.client import new_producer
from tfstream.streaming.connection.kafka_errors import access_denied
from tfstream.streaming.connection.properties import Properties

_FLUSH_S = 120.0
_QUEUE_FULL_S = 0.1


class TopicSender:
    """A producer that counts delivered messages and remembers the first delivery that failed."""

    def __init__(self, properties: Properties, topic: str) -> None:
        self._properties = properties
        self._producer: Producer = new_producer(properties)
        self._topic = topic
        self._delivered = 0
        self._failure: KafkaError | None = None

    def send(self, key: bytes, value: bytes, time_ms: int | None) -> None:
        """Queue a message; ``time_ms`` is the record's timestamp, None for the present time.

        :raises TfstreamError: when an earlier message could not be delivered.
        """
        while True:
            try:
                self._producer.produce(
                    self._topic, value, key, on_delivery=self._on_delivery, timestamp=time_ms or 0
                )
                break
            except BufferError:  # the local queue is full: let it drain
                self.poll(_QUEUE_FULL_S)
        self.poll(0.0)

    def poll(self, timeout_s: float) -> None:
        """Handle delivery reports for up to ``timeout_s`` seconds.

        :raises TfstreamError: when a message could not be delivered.
        """
        self._call_producer(lambda: self._producer.poll(timeout_s))
        if self._failure is not None:
            denied = access_denied(self._properties, self._failure, f"WRITE on topic {self._topic}")
            raise denied or TfstreamError(
                f"a message to {self._topic} was not delivered: {self._failure.str()}"
            )

    def finish(self) -> int:
        """Wait until every message is delivered; returns the number of delivered messages.

        :raises TfstreamError: when a message could not be delivered, or not in 120 s.
        """
        undelivered = self._call_producer(lambda: self._producer.flush(_FLUSH_S))
        self.poll(0.0)
        if undelivered:
            raise TfstreamError(
                f"{undelivered} messages to {self._topic} were not delivered in {_FLUSH_S:.0f} s"
            )
        return self._delivered

    def _call_producer(self, call: Callable[[], int]) -> int:
        """Run a call that reports deliveries, and keep the fatal error that may end it.

        When a delivery callback follows the fatal error, Python raises a SystemError with it as its cause.
        """
        try:
            return call()
        except (KafkaException, SystemError) as error:
            fatal = error if isinstance(error, KafkaException) else error.__cause__
            if not isinstance(fatal, KafkaException):
                raise
            self._failure = fatal.args[0]
            return 0

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._delivered += 1
        elif self._failure is None:
            self._failure = error
