"""Requests that a broker may not answer at once: a coordinator moves, a transaction is being finished."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

from tfstream.errors import ServiceUnavailable
from tfstream.streaming.client import Properties

_log = logging.getLogger("tfstream.kafka")
_PAUSE_S = 0.2
Result = TypeVar("Result")


def retried(call: Callable[[], Result], properties: Properties, timeout_s: float) -> Result:
    """The answer, asked for again and again until the timeout.

    :raises ServiceUnavailable: with the last error, when there was no answer in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return call()
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"Kafka at {properties.get('bootstrap.servers')} does not answer: {error.args[0].str()}"
                ) from None
            _log.debug("asking again: %s", error)
            time.sleep(_PAUSE_S)
