"""What the command lines of the studies share: progress on stderr, and the Apache Kafka that they need."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from tfstream.embedded import kafka
from tfstream.errors import ConfigurationError

stderr = Console(stderr=True, highlight=False)


def log_with_time(text: str) -> None:
    """One line of progress with the time of day."""
    stderr.print(f"{time.strftime('%H:%M:%S')}  {text}", markup=False, soft_wrap=True)


def require_kafka(study: str) -> Path:
    """The folder of a real Apache Kafka.

    :raises ConfigurationError: when KAFKA_HOME or Java is missing.
    """
    home = kafka.find_kafka_home()
    if home is None:
        raise ConfigurationError(
            f"the {study} study needs Apache Kafka: set KAFKA_HOME and install Java 17; see `make kafka`"
        )
    return home
