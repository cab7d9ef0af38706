"""librdkafka clients with the settings that tfstream's promises depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from tfstream.errors import ConfigurationError
from tfstream.streaming.connection.connection_errors import ConnectionErrors, client_logger
from tfstream.streaming.connection.properties import Properties, redacted
from tfstream.streaming.connection.required_settings import check_settings

_TRANSACTION_TIMEOUT_MS = 15_000

DeliveryReport = Callable[[KafkaError | None, Message], None]
_Client = TypeVar("_Client")


def new_consumer(properties: Properties, group: str, **overrides: Any) -> Consumer:
    """A consumer that commits nothing by itself and returns committed records only."""
    own = {
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 32_768,
        "fetch.queue.backoff.ms": 50,  # the default second between fetches of a full queue: 32 MB/s at most
    }
    return _create(Consumer, {**_base(properties), **own, **overrides})


def new_transactional_producer(
    properties: Properties, transactional_id: str, on_delivery_failed: DeliveryReport
) -> Producer:
    """A producer for transactions; reports only the messages that it could not deliver."""
    own = {
        "on_delivery": on_delivery_failed,
        "delivery.report.only.error": True,
        "transactional.id": transactional_id,
        "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
        "retry.backoff.ms": 10,  # a transaction that begins right after the last one waits for one backoff
        "linger.ms": 5,
        "compression.type": "lz4",
    }
    return _create(Producer, {**_base(properties), **own})


def new_producer(properties: Properties) -> Producer:
    """An idempotent producer, for ``replay``."""
    own = {"enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4"}
    return _create(Producer, {**_base(properties), **own})


def new_admin(properties: Properties) -> AdminClient:
    return _create(AdminClient, _base(properties))


def _base(properties: Properties) -> dict[str, Any]:
    return {
        "client.id": "tfstream",
        "log_level": 3,
        "topic.metadata.refresh.interval.ms": 30_000,  # a new partition is noticed after this time
        **properties,
        "error_cb": ConnectionErrors(properties),
        "logger": client_logger(properties),
    }


def _create(factory: Callable[[dict[str, Any]], _Client], properties: dict[str, Any]) -> _Client:
    """:raises ConfigurationError: when a setting is missing, or librdkafka does not know a property."""
    texts = {name: value for name, value in properties.items() if isinstance(value, str)}
    check_settings(texts)
    try:
        return factory(properties)
    except KafkaException as error:
        detail = redacted(texts, error.args[0].str())
        raise ConfigurationError(f"a Kafka setting is wrong: {detail}") from None
