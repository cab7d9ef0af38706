"""What the command lines of the studies share: measuring parts, progress on stderr, Apache Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tests.studies.page import write_page
from tests.studies.parts import Study
from tfstream.embedded import kafka
from tfstream.errors import ConfigurationError, TfstreamError, UsageError

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


def run_parts(study: Study, names: Sequence[str], folder: Path, measure: Callable[[str], None]) -> int:
    """Measure the named parts in the order of the page, then write the page; returns the exit code."""
    if unknown := study.unknown(names):
        stderr.print(f"error: no such part: {', '.join(unknown)}")
        return UsageError.exit_code
    try:
        for name in sorted(names, key=study.parts.index):
            measure(name)
        stderr.print(str(write_page(folder, study)))
    except TfstreamError as error:
        stderr.print(f"error: {error}")
        return error.exit_code
    return 0
