"""What a client reports about its connections: to the log, without secrets, and kept when a login fails."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError

from tfstream.errors import ConfigurationError
from tfstream.streaming.connection.kafka_errors import login_error
from tfstream.streaming.connection.properties import Properties, Redaction, redacted

_librdkafka = logging.getLogger("tfstream.kafka.client")


class ConnectionErrors:
    """A client's ``error_cb``: logs each error and keeps the last refused login.

    librdkafka tries again for ever. So does a running process: the operator may correct the password.
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


def client_logger(properties: Properties) -> logging.Logger:
    """A logger for one client: the secrets to hide are in that client's properties."""
    logger = logging.Logger("tfstream.kafka.client")
    logger.parent = _librdkafka
    logger.addFilter(Redaction(properties))
    return logger
