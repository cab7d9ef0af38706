"""What librdkafka's errors mean to a user, in one place: refused logins, TLS that fails, missing rights.

Nothing here shows a secret: librdkafka repeats some values in its own texts, so each of them goes through
:func:`~tfstream.streaming.connection.properties.redacted`.
"""

from __future__ import annotations

import re

from confluent_kafka import KafkaError, KafkaException

from tfstream.errors import AccessDenied, ConfigurationError, ServiceUnavailable, TfstreamError
from tfstream.streaming.connection.properties import Properties, redacted

_NOISE = re.compile(r"^\w+://\S+: |error:[0-9A-F]+:SSL routines::| \(after \d+ms in state \w+.*\)$")
_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
_UNANSWERED = {
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError._UNSUPPORTED_FEATURE,
    KafkaError.UNSUPPORTED_VERSION,
}


def login_error(properties: Properties, error: KafkaError) -> ConfigurationError | None:
    """The refused login or failed TLS behind a connection's error; None when the error may pass by itself."""
    servers, detail = properties.get("bootstrap.servers", "?"), error_text(properties, error)
    if error.code() == KafkaError._AUTHENTICATION:
        return AccessDenied(
            f"Kafka at {servers} refuses the login ({detail}); check the TFSTREAM_KAFKA_SASL_ settings"
        )
    if error.code() == KafkaError._SSL or "SSL routines" in error.str():
        return ConfigurationError(
            f"TLS with Kafka at {servers} fails ({detail}); check TFSTREAM_KAFKA_SECURITY_PROTOCOL and the "
            f"TFSTREAM_KAFKA_SSL_ settings"
        )
    return None


def access_denied(properties: Properties, error: KafkaError, right: str) -> AccessDenied | None:
    """The error of a request that the broker's access list forbids; ``right`` is the right to grant."""
    if error.code() not in _DENIED:
        return None
    servers = properties.get("bootstrap.servers", "?")
    return AccessDenied(
        f"Kafka at {servers} refused a request of this user ({error_text(properties, error)}); "
        f"grant it {right}"
    )


def read_denied(properties: Properties, error: KafkaError, topic: str) -> AccessDenied | None:
    """:func:`access_denied` for a reader outside of any group.

    librdkafka asks for its group's coordinator all the same; that this is forbidden does not matter.
    """
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return None
    return access_denied(properties, error, f"READ on topic {topic}")


def request_error(properties: Properties, error: KafkaException, right: str) -> TfstreamError:
    """Why a request failed: the user lacks ``right``, or the broker cannot be reached."""
    return access_denied(properties, error.args[0], right) or broker_unreachable(properties, error)


def broker_unreachable(properties: Properties, error: KafkaException) -> ServiceUnavailable:
    servers = properties.get("bootstrap.servers", "?")
    protocol = properties.get("security.protocol", "plaintext")
    return ServiceUnavailable(
        f"Kafka at {servers} cannot be reached ({error_text(properties, error.args[0])}); is it running, and "
        f"does it speak {protocol} there?"
    )


def is_unanswered(error: KafkaException | TimeoutError) -> bool:
    """Whether an admin request got no answer: there is no controller, or the broker does not know it.

    librdkafka's mock cluster has no controller and knows hardly any admin request.
    """
    return isinstance(error, TimeoutError) or error.args[0].code() in _UNANSWERED


def is_unsupported(error: KafkaException) -> bool:
    """Whether the broker does not know a request; it will not know it later."""
    return error.args[0].code() in (KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION)


def error_text(properties: Properties, error: KafkaError) -> str:
    """librdkafka's text without addresses, durations and secrets."""
    return redacted(properties, _NOISE.sub("", _NOISE.sub("", error.str())))


def is_fatal(error: KafkaError) -> bool:
    """Whether the consumer can never consume again; an error in a message shows it by its code alone."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def is_fenced(error: KafkaError) -> bool:
    """Whether a newer static member has this one's name; a fatal error keeps only the text of its cause."""
    return error.code() == KafkaError.FENCED_INSTANCE_ID or (
        is_fatal(error) and "group.instance.id" in error.str()
    )
