"""What a Kafka cluster reports about itself: its brokers, its topics and their partitions."""

from __future__ import annotations

import logging
import time
import uuid

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import ClusterMetadata

from tfstream.streaming.connection.client import new_consumer
from tfstream.streaming.connection.connection_errors import ConnectionErrors
from tfstream.streaming.connection.kafka_errors import broker_unreachable
from tfstream.streaming.connection.properties import Properties

_REQUEST_S = 0.5


def broker_count(properties: Properties, timeout_s: float = 10.0) -> int:
    """The number of brokers that answer.

    :raises ServiceUnavailable: when no broker answers within the timeout.
    :raises ConfigurationError: as soon as a broker refuses the login, or TLS with it fails.
    """
    return len(fetch_metadata(properties, timeout_s=timeout_s).brokers)


def fetch_metadata(
    properties: Properties, topic: str | None = None, *, timeout_s: float = 15.0
) -> ClusterMetadata:
    """The metadata of the cluster and of one topic, or of all topics.

    A consumer sends the request: many brokers create a topic that any other client asks for.

    :raises ServiceUnavailable: when no broker answers within the timeout.
    :raises ConfigurationError: as soon as a broker refuses the login, or TLS with it fails.
    """
    errors = ConnectionErrors(properties, level=logging.DEBUG)
    own = {"log_level": 0, "error_cb": errors, "allow.auto.create.topics": False}
    consumer = new_consumer(properties, f"tfstream.metadata.{uuid.uuid4()}", **own)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                return _list_topics(consumer, topic)
            except KafkaException as error:
                consumer.poll(0.0)  # runs the client's error callback
                if errors.refused is not None:
                    raise errors.refused from None
                if time.monotonic() > deadline:
                    raise broker_unreachable(properties, error) from None
    finally:
        consumer.close()


def _list_topics(consumer: Consumer, topic: str | None) -> ClusterMetadata:
    metadata: ClusterMetadata = (
        consumer.list_topics(timeout=_REQUEST_S)
        if topic is None
        else consumer.list_topics(topic, timeout=_REQUEST_S)
    )
    return metadata
