"""librdkafka clients with the settings that tfstream's promises depend on."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, ClusterMetadata

from tfstream.errors import ConfigurationError
from tfstream.streaming.kafka_errors import Properties as Properties
from tfstream.streaming.kafka_errors import Redaction, login_error, redacted
from tfstream.streaming.kafka_errors import broker_unreachable as broker_unreachable

_librdkafka = logging.getLogger("tfstream.kafka.client")
_TRANSACTION_TIMEOUT_MS = 15_000
_ASK_AGAIN_S = 0.5

DeliveryReport = Callable[[KafkaError | None, Message], None]
_Client = TypeVar("_Client")


def _base(properties: Properties) -> dict[str, Any]:
    return {
        "client.id": "tfstream",
        "log_level": 3,
        "topic.metadata.refresh.interval.ms": 30_000,  # until new partitions are noticed
        **properties,
        "error_cb": _Errors(properties),
        "logger": _logger(properties),
    }


class _Errors:
    """What a client says of its connections: told in the log, and a refused login is kept to be looked at.

    librdkafka tries for ever; a password may be changed back, so a process that runs goes on trying, too.
    """

    def __init__(self, properties: Properties, *, level: int = logging.WARNING) -> None:
        self.refused: ConfigurationError | None = None
        self._properties = properties
        self._level = level

    def __call__(self, error: KafkaError) -> None:
        refused = login_error(self._properties, error)
        if refused is not None:
            if str(refused) != str(self.refused):
                _librdkafka.log(self._level, "%s; trying again", refused)
            self.refused = refused
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            _librdkafka.log(self._level, "no Kafka broker can be reached; trying again")
        else:
            _librdkafka.debug("librdkafka: %s", redacted(self._properties, error.str()))


def _logger(properties: Properties) -> logging.Logger:
    """One for each client: what must not be said is in the client's own settings."""
    logger = logging.Logger("tfstream.kafka.client")
    logger.parent = _librdkafka
    logger.addFilter(Redaction(properties))
    return logger


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
        "fetch.queue.backoff.ms": 50,  # a full queue was asked again after a second: 32 MB/s at most
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
    :raises ConfigurationError: as soon as one refuses the login, or TLS with it fails.
    """
    return len(fetch_metadata(properties, timeout_s=timeout_s).brokers)


def fetch_metadata(
    properties: Properties, topic: str | None = None, *, timeout_s: float = 15.0
) -> ClusterMetadata:
    """What the cluster says of itself and of a topic, or of all topics.

    Asked by a consumer: many brokers make a topic that any other client asks for.

    :raises ServiceUnavailable: when no broker answers within the timeout.
    :raises ConfigurationError: as soon as one refuses the login, or TLS with it fails.
    """
    errors = _Errors(properties, level=logging.DEBUG)
    own = {"log_level": 0, "error_cb": errors, "allow.auto.create.topics": False}
    consumer = new_consumer(properties, f"tfstream.metadata.{uuid.uuid4()}", **own)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                return _asked(consumer, topic)
            except KafkaException as error:
                consumer.poll(0.0)  # serves the client's errors
                if errors.refused is not None:
                    raise errors.refused from None
                if time.monotonic() > deadline:
                    raise broker_unreachable(properties, error) from None
    finally:
        consumer.close()


def _asked(consumer: Consumer, topic: str | None) -> ClusterMetadata:
    found: ClusterMetadata = (
        consumer.list_topics(timeout=_ASK_AGAIN_S)
        if topic is None
        else consumer.list_topics(topic, timeout=_ASK_AGAIN_S)
    )
    return found


def _made(factory: Callable[[dict[str, Any]], _Client], properties: dict[str, Any]) -> _Client:
    """librdkafka says which property it does not know; that is a configuration error, not a crash."""
    texts = {name: value for name, value in properties.items() if isinstance(value, str)}
    _require_tokens(texts)
    _require_files(texts)
    try:
        return factory(properties)
    except KafkaException as error:
        detail = redacted(texts, error.args[0].str())
        raise ConfigurationError(f"a Kafka setting is wrong: {detail}") from None


def _require_tokens(properties: Properties) -> None:
    """Without a source of tokens librdkafka waits for one for ever and says nothing."""
    mechanism = properties.get("sasl.mechanism") or properties.get("sasl.mechanisms", "")
    unsecured = properties.get("enable.sasl.oauthbearer.unsecure.jwt") == "true"
    if mechanism != "OAUTHBEARER" or unsecured or properties.get("sasl.oauthbearer.method") == "oidc":
        return
    raise ConfigurationError(
        "a Kafka setting is missing: SASL mechanism OAUTHBEARER needs sasl.oauthbearer.method=oidc with "
        "sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret"
    )


def _require_files(properties: Properties) -> None:
    """OpenSSL's own words for a file that is not there name no file."""
    for name, path in properties.items():
        if name.endswith(".location") and path != "probe" and not os.access(path, os.R_OK):
            raise ConfigurationError(f"a Kafka setting is wrong: {name} is {path}, which cannot be read")
