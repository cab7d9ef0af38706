"""The topics that belong to a sensor topic: their names, partitions and retention."""

from __future__ import annotations

import logging
import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tfstream.errors import ConfigurationError, ServiceUnavailable, TfstreamError
from tfstream.streaming.connection.client import new_admin
from tfstream.streaming.connection.cluster import fetch_metadata
from tfstream.streaming.connection.kafka_errors import access_denied
from tfstream.streaming.connection.properties import Properties

_log = logging.getLogger("tfstream.kafka")
_TIMEOUT_S = 15.0
_PAUSE_S = 0.1
_AUTO_CREATE = "allow.auto.create.topics"


def anomalies_topic(topic: str) -> str:
    return f"{topic}.anomalies"


def scores_topic(topic: str) -> str:
    return f"{topic}.scores"


def state_topic(topic: str) -> str:
    return f"{topic}.state"


def dead_letters_topic(topic: str) -> str:
    return f"{topic}.dead-letters"


def partition_count(properties: Properties, topic: str) -> int | None:
    """The number of a topic's partitions; None when it does not exist.

    :raises AccessDenied: when this user may not describe the topic.
    """
    metadata = fetch_metadata(properties, topic, timeout_s=_TIMEOUT_S).topics[topic]
    if metadata.error is None:
        return len(metadata.partitions)
    denied = access_denied(properties, metadata.error, f"DESCRIBE on topic {topic}")
    if denied is not None:
        raise denied
    return None


def require_topic(properties: Properties, topic: str) -> int:
    """The number of the topic's partitions.

    :raises ConfigurationError: when the topic does not exist.
    """
    count = partition_count(properties, topic)
    if count is None:
        raise ConfigurationError(
            f"topic {topic} does not exist on {properties['bootstrap.servers']}; create it or check the name"
        )
    return count


def ensure_output_topics(properties: Properties, topic: str) -> int:
    """Create the missing topics that scoring writes; returns the number of the source's partitions.

    The state topic needs a partition for each partition of the source, because a partition's state moves to
    the partition's next owner. It gets more partitions when the source does.
    """
    count = require_topic(properties, topic)
    week_ms = str(7 * 24 * 3600 * 1000)
    ensure_topic(
        properties, state_topic(topic), count, {"cleanup.policy": "compact", "segment.ms": "3600000"}
    )
    ensure_topic(properties, anomalies_topic(topic), count, {"retention.ms": "-1"})
    ensure_topic(properties, scores_topic(topic), count, {"retention.ms": week_ms})
    ensure_topic(properties, dead_letters_topic(topic), count, {"retention.ms": str(4 * int(week_ms))})
    ensure_partitions(properties, state_topic(topic), count)
    return count


def ensure_partitions(properties: Properties, topic: str, count: int) -> None:
    """Add partitions until the topic has at least ``count``.

    :raises AccessDenied: when this user may not add partitions.
    :raises TfstreamError: when the broker refuses them for another reason.
    """
    if (partition_count(properties, topic) or 0) >= count:
        return
    admin = new_admin(properties)
    try:
        admin.create_partitions([NewPartitions(topic, count)])[topic].result(_TIMEOUT_S)
    except KafkaException as error:
        reason = error.args[0]
        if reason.code() != KafkaError.INVALID_PARTITIONS:  # another process was faster
            denied = access_denied(properties, reason, f"ALTER on topic {topic}, or add partitions yourself")
            raise denied or TfstreamError(
                f"topic {topic} needs {count} partitions and cannot get them ({reason.str()}); add them"
            ) from None
    _log.info("topic %s now has %d partitions, like its source topic", topic, count)
    _wait_for_partitions(properties, topic, count)


def ensure_topic(
    properties: Properties, topic: str, partitions: int, config: dict[str, str] | None = None
) -> bool:
    """Create a topic with the broker's default replication, unless it exists; True when this call created it.

    With ``allow.auto.create.topics``, as for librdkafka's mock cluster, which answers no admin request, the
    broker creates the topic with its own defaults.

    :raises AccessDenied: when this user may not create the topic.
    :raises TfstreamError: when the broker refuses the topic for another reason.
    """
    if partition_count(properties, topic) is not None:
        return False
    admin = new_admin(properties)
    if properties.get(_AUTO_CREATE) == "true":
        admin.list_topics(topic, timeout=_TIMEOUT_S)
        return True
    new_topic = NewTopic(topic, num_partitions=partitions, replication_factor=-1, config=config or {})
    try:
        admin.create_topics([new_topic], operation_timeout=_TIMEOUT_S)[topic].result(_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        denied = access_denied(
            properties, error.args[0], f"CREATE on topic {topic}, or create it with {partitions} partitions,"
        )
        if denied is not None:
            raise denied from None
        raise TfstreamError(
            f"topic {topic} cannot be created ({error.args[0].str()}); create it with {partitions} partitions"
        ) from None
    _wait_for_partitions(properties, topic)
    return True


def _wait_for_partitions(properties: Properties, topic: str, partitions: int = 1) -> None:
    """The controller knows a new topic or partition at once, a busy broker a moment later.

    :raises ServiceUnavailable: when the broker does not know it in time.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    while (partition_count(properties, topic) or 0) < partitions:
        if time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"topic {topic} was created or got partitions, and {properties['bootstrap.servers']} does "
                f"not know them after {_TIMEOUT_S:.0f} s: read the broker's log"
            )
        time.sleep(_PAUSE_S)
