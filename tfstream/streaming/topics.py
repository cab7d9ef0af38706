"""The topics that belong to a sensor topic: their names, partitions and retention."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tfstream.errors import ConfigurationError, ServiceUnavailable, TfstreamError
from tfstream.streaming.connection.client import new_admin
from tfstream.streaming.connection.cluster import fetch_metadata
from tfstream.streaming.connection.kafka_errors import access_denied, is_unanswered
from tfstream.streaming.connection.properties import Properties

_log = logging.getLogger("tfstream.kafka")
_TIMEOUT_S = 15.0
_RESULT_S = _TIMEOUT_S + 5.0  # librdkafka answers after its own timeout; this one only ends a wait for ever
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
    :raises ServiceUnavailable: when the broker does not answer the request.
    :raises TfstreamError: when the broker refuses them for another reason.
    """
    present = partition_count(properties, topic) or 0
    if present >= count:
        return
    admin = new_admin(properties)
    try:
        added = admin.create_partitions([NewPartitions(topic, count)], request_timeout=_TIMEOUT_S)
        added[topic].result(_RESULT_S)
    except (KafkaException, TimeoutError) as error:
        if is_unanswered(error):
            raise ServiceUnavailable(
                f"topic {topic} has {present} partitions and needs {count}, and Kafka at "
                f"{properties['bootstrap.servers']} does not answer the request to add them; check that the "
                f"cluster has a controller, or add the partitions yourself"
            ) from None
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
    broker creates the topic with its own defaults. A broker that does not answer the request gets one more
    chance to create the topic in this way.

    :raises AccessDenied: when this user may not create the topic.
    :raises ServiceUnavailable: when the broker does not answer the request, and does not create the topic.
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
        created = admin.create_topics([new_topic], operation_timeout=_TIMEOUT_S, request_timeout=_TIMEOUT_S)
        created[topic].result(_RESULT_S)
    except (KafkaException, TimeoutError) as error:
        if is_unanswered(error):
            _create_by_asking(admin, properties, new_topic)
            return True
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


def _create_by_asking(admin: AdminClient, properties: Properties, new_topic: NewTopic) -> None:
    """Ask for the topic's metadata: brokers with ``auto.create.topics.enable`` create it then.

    :raises ServiceUnavailable: when the topic does not exist afterwards.
    """
    topic, servers = new_topic.topic, properties["bootstrap.servers"]
    settings = "".join(f", {name}={value}" for name, value in (new_topic.config or {}).items())
    wanted = f"{new_topic.num_partitions} partitions{settings}"
    with suppress(KafkaException):
        admin.list_topics(topic, timeout=_TIMEOUT_S)
    if partition_count(properties, topic) is None:
        raise ServiceUnavailable(
            f"topic {topic} does not exist, and Kafka at {servers} does not answer the request to create it; "
            f"check that the cluster has a controller, or create the topic yourself: {wanted}"
        )
    _log.warning(
        "Kafka at %s does not answer the request to create a topic; it has %s now, with settings of its own "
        "that should be: %s",
        servers,
        topic,
        wanted,
    )


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
