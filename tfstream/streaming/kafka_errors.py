"""What librdkafka's errors mean to a user, in one place: refused logins, TLS that fails, missing rights.

Nothing here shows a secret: librdkafka repeats some values in its own words, so every text of its goes
through :func:`redacted`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException

from tfstream.errors import AccessDenied, ConfigurationError, ServiceUnavailable, TfstreamError

Properties = Mapping[str, str]

_SECRET = re.compile(r"password|secret|\.pem$|oauthbearer\.config|sasl\.jaas|assertion|passphrase")
_HIDDEN = "[hidden]"
_NOISE = re.compile(r"^\w+://\S+: |error:[0-9A-F]+:SSL routines::| \(after \d+ms in state \w+.*\)$")
_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}


def redacted(properties: Properties, text: str) -> str:
    """``text`` without the value, or any word of the value, of a property that holds a secret."""
    words = [
        word for name, value in properties.items() if _SECRET.search(name) for word in [value, *value.split()]
    ]
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, _HIDDEN) if len(word) > 1 else text
    return text


class Redaction(logging.Filter):
    """Keeps secrets out of librdkafka's own lines; what it tells as errors, too, is for --verbose."""

    def __init__(self, properties: Properties) -> None:
        super().__init__()
        self._properties = properties

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(self._properties, record.getMessage()), None
        if record.msg.startswith(("FAIL", "FATAL")):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        return True


def login_error(properties: Properties, error: KafkaError) -> ConfigurationError | None:
    """What an error of a connection says about the login or TLS; None when it may pass by itself."""
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
    """The error of a request that the broker's access list forbids; ``right`` is what must be granted."""
    if error.code() not in _DENIED:
        return None
    servers = properties.get("bootstrap.servers", "?")
    return AccessDenied(
        f"Kafka at {servers} does not allow it ({error_text(properties, error)}); grant {right} to this user"
    )


def read_denied(properties: Properties, error: KafkaError, topic: str) -> AccessDenied | None:
    """For a reader that is in no group: librdkafka asks for its group's coordinator all the same."""
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return None
    return access_denied(properties, error, f"READ on topic {topic}")


def request_error(properties: Properties, error: KafkaException, right: str) -> TfstreamError:
    """A failed request: the missing right, or a broker that cannot be reached."""
    return access_denied(properties, error.args[0], right) or broker_unreachable(properties, error)


def broker_unreachable(properties: Properties, error: KafkaException) -> ServiceUnavailable:
    servers = properties.get("bootstrap.servers", "?")
    protocol = properties.get("security.protocol", "plaintext")
    return ServiceUnavailable(
        f"Kafka at {servers} cannot be reached ({error_text(properties, error.args[0])}); is it running, and "
        f"does it speak {protocol} there?"
    )


def error_text(properties: Properties, error: KafkaError) -> str:
    """librdkafka's words without addresses, durations and secrets."""
    return redacted(properties, _NOISE.sub("", _NOISE.sub("", error.str())))


def is_fatal(error: KafkaError) -> bool:
    """Whether the consumer is done for; an error that comes as a message says so by its code alone."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def is_fenced(error: KafkaError) -> bool:
    """Whether a newer static member has this one's name; a fatal error has kept only its cause's words."""
    return error.code() == KafkaError.FENCED_INSTANCE_ID or (
        is_fatal(error) and "group.instance.id" in error.str()
    )
