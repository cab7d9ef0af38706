"""Repeats a request that a broker refuses for a moment, as while a coordinator moves."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

from tfstream.errors import UnsupportedRequest
from tfstream.streaming.connection.kafka_errors import (
    access_denied,
    broker_unreachable,
    error_text,
    is_unsupported,
)
from tfstream.streaming.connection.properties import Properties

_log = logging.getLogger("tfstream.kafka")
_PAUSE_S = 0.2
Result = TypeVar("Result")


def call_with_retry(
    call: Callable[[], Result], properties: Properties, right: str, timeout_s: float
) -> Result:
    """Repeat a request until it succeeds or the timeout is over; ``right`` is the right that it needs.

    :raises ServiceUnavailable: with the last error, when no request succeeded in time.
    :raises UnsupportedRequest: at once, when the broker does not know the request.
    :raises AccessDenied: when the user lacks the right.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return call()
        except KafkaException as error:
            denied = access_denied(properties, error.args[0], right)
            if denied is not None:
                raise denied from None
            if is_unsupported(error):
                raise UnsupportedRequest(
                    f"Kafka at {properties['bootstrap.servers']} does not support a request ({right}); use "
                    f"Apache Kafka, or a broker that speaks its whole protocol"
                ) from None
            if time.monotonic() > deadline:
                raise broker_unreachable(properties, error) from None
            _log.debug("trying again: %s", error_text(properties, error.args[0]))
            time.sleep(_PAUSE_S)
