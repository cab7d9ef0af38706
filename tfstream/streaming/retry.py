"""Requests that a broker may not answer at once: a coordinator moves, a transaction is being finished."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

from tfstream.streaming.kafka_errors import access_denied, broker_unreachable, error_text
from tfstream.streaming.properties import Properties

_log = logging.getLogger("tfstream.kafka")
_PAUSE_S = 0.2
Result = TypeVar("Result")


def call_with_retry(
    call: Callable[[], Result], properties: Properties, right: str, timeout_s: float
) -> Result:
    """The answer, asked for again and again until the timeout; ``right`` is what asking needs.

    :raises ServiceUnavailable: with the last error, when there was no answer in time.
    :raises ConfigurationError: when the right is missing.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return call()
        except KafkaException as error:
            denied = access_denied(properties, error.args[0], right)
            if denied is not None:
                raise denied from None
            if time.monotonic() > deadline:
                raise broker_unreachable(properties, error) from None
            _log.debug("asking again: %s", error_text(properties, error.args[0]))
            time.sleep(_PAUSE_S)
