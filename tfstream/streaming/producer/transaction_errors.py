"""Failures of a commit that a retry cannot repair: each raises the error that ends the process."""

from __future__ import annotations

from confluent_kafka import KafkaError

from tfstream.errors import TfstreamError
from tfstream.streaming.connection.kafka_errors import access_denied
from tfstream.streaming.connection.properties import Properties

_LASTING_REFUSALS = frozenset(  # a retry does not change these answers of the broker
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
    }
)


def check_fatal(properties: Properties, transactional_id: str, reason: KafkaError) -> None:
    """Do nothing unless the producer can never begin a transaction again.

    :raises AccessDenied: when the broker forbids a part of a transaction.
    :raises TfstreamError: when another producer of this id has fenced this one.
    """
    if not reason.fatal():
        return
    check_rights(properties, transactional_id, reason)
    raise TfstreamError(
        f"another process took over the transactional id {transactional_id}, or this process was stopped for "
        f"longer than a transaction may last ({reason.str()}). This process ends; nothing uncommitted was "
        f"written. Give each process its own --slot: the default slot is the host's name"
    )


def check_rights(properties: Properties, transactional_id: str, reason: KafkaError) -> None:
    """:raises AccessDenied: when the broker forbids a part of a transaction; names the right to grant."""
    right = {
        KafkaError.GROUP_AUTHORIZATION_FAILED: "READ on the group of the scorers",
        KafkaError.TOPIC_AUTHORIZATION_FAILED: (
            "READ on the source, WRITE on .anomalies, .scores, .state and .dead-letters beside it"
        ),
    }.get(reason.code(), f"WRITE on transactional id {transactional_id}")
    denied = access_denied(properties, reason, right)
    if denied is not None:
        raise denied


class OutputRefusal:
    """The first output that the broker refused for a lasting reason."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties
        self._reason: KafkaError | None = None
        self._topic = ""

    def note(self, reason: KafkaError, topic: str) -> None:
        """Remember a refusal, unless it may pass or is not the first."""
        if self._reason is None and reason.code() in _LASTING_REFUSALS:
            self._reason, self._topic = reason, topic

    def check(self) -> None:
        """Forget the refusal, and raise it.

        :raises AccessDenied: when this user may not write to the topic.
        :raises TfstreamError: when the topic refuses the message itself.
        """
        reason, self._reason = self._reason, None
        if reason is None:
            return
        denied = access_denied(self._properties, reason, f"WRITE on topic {self._topic}")
        raise denied or TfstreamError(
            f"topic {self._topic} refuses what is written to it ({reason.str()}); "
            f"nothing was committed: correct the topic's settings or rights and start again"
        )
