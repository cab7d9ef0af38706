"""librdkafka clients with the settings that tfstream's promises depend on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from tfstream.errors import ConfigurationError, ServiceUnavailable
from tfstream.streaming.repeats import Repeats

_log = logging.getLogger("tfstream.kafka")
_librdkafka = logging.getLogger("tfstream.kafka.client")
_librdkafka.addFilter(Repeats())
_TRANSACTION_TIMEOUT_MS = 15_000

Properties = Mapping[str, str]
DeliveryReport = Callable[[KafkaError | None, Message], None]
_Client = TypeVar("_Client")


def _base(properties: Properties) -> dict[str, Any]:
    return {
        "client.id": "tfstream",
        "log_level": 3,
        **properties,
        "error_cb": _on_error,
        "logger": _librdkafka,
    }


def _on_error(error: KafkaError) -> None:
    if error.code() == KafkaError._ALL_BROKERS_DOWN:
        _librdkafka.warning("no Kafka broker can be reached; trying again")
    else:
        _librdkafka.debug("librdkafka: %s", error.str())


def new_consumer(properties: Properties, group: str, **overrides: Any) -> Consumer:
    """A consumer that commits nothing by itself and sees committed records only."""
    own = {
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 32_768,
    }
    return _made(Consumer, {**_base(properties), **own, **overrides})


def new_transactional_producer(
    properties: Properties, transactional_id: str, on_delivery_failed: DeliveryReport
) -> Producer:
    """A producer for transactions; only what could not be delivered is reported."""
    own = {
        "on_delivery": on_delivery_failed,
        "delivery.report.only.error": True,
        "transactional.id": transactional_id,
        "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
        "retry.backoff.ms": 10,  # a transaction begun at once after the last waits for one backoff
        "linger.ms": 5,
        "compression.type": "lz4",
    }
    return _made(Producer, {**_base(properties), **own})


def new_producer(properties: Properties) -> Producer:
    """An idempotent producer, for ``replay``."""
    own = {"enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4"}
    return _made(Producer, {**_base(properties), **own})


def new_admin(properties: Properties) -> AdminClient:
    return _made(AdminClient, _base(properties))


def describe_cluster(properties: Properties, timeout_s: float = 10.0) -> int:
    """The number of brokers that answer.

    :raises ServiceUnavailable: when none does within the timeout.
    """
    try:
        return len(new_admin(properties).list_topics(timeout=timeout_s).brokers)
    except KafkaException as error:
        raise unreachable(properties, error) from None


def unreachable(properties: Properties, error: KafkaException) -> ServiceUnavailable:
    servers = properties.get("bootstrap.servers", "?")
    return ServiceUnavailable(f"Kafka at {servers} cannot be reached ({error.args[0].str()}); is it running?")


def _made(factory: Callable[[dict[str, Any]], _Client], properties: dict[str, Any]) -> _Client:
    """librdkafka says which property it does not know; that is a configuration error, not a crash."""
    try:
        return factory(properties)
    except KafkaException as error:
        raise ConfigurationError(f"a Kafka setting is wrong: {error.args[0].str()}") from None
