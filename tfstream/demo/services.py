"""The services of a demo: those in the settings, and embedded services for what is missing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfstream.config import Settings
from tfstream.embedded import kafka, mock
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.mock import MockKafka
from tfstream.embedded.postgres import EmbeddedPostgres


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Running services. ``database`` and ``broker`` describe them in words."""

    settings: Settings
    database: str
    broker: str
    broker_limits: str | None  # the guarantees that this broker lacks


@contextmanager
def services(settings: Settings) -> Iterator[Services]:
    """Yield the configured services, and start each missing service in a temporary folder for the block.

    :raises ServiceUnavailable: when a service does not start.
    :raises ConfigurationError: when the embedded PostgreSQL is needed and not installed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfstream-demo-")))
        database, url = "as configured", settings.database_url
        if not url:
            url = stack.enter_context(EmbeddedPostgres(folder / "postgres")).url
            database = "embedded PostgreSQL"
        broker, properties = "as configured", settings.kafka
        limits: str | None = None
        if not properties.get("bootstrap.servers"):
            broker, properties, limits = _start_broker(stack, folder)
        yield Services(
            settings=settings.with_services(database_url=url, kafka=properties),
            database=database,
            broker=broker,
            broker_limits=limits,
        )


def _start_broker(stack: ExitStack, folder: Path) -> tuple[str, Mapping[str, str], str | None]:
    """Start Apache Kafka where it is available, else the mock cluster.

    Returns the broker's name, the properties for clients, and the guarantees that it lacks.
    """
    home = kafka.find_kafka_home()
    if home is not None:
        server = stack.enter_context(ApacheKafka(home, folder / "kafka"))
        return "embedded Apache Kafka", {"bootstrap.servers": server.bootstrap}, None
    cluster = stack.enter_context(MockKafka())
    return "librdkafka's mock cluster", cluster.properties, mock.MISSING_GUARANTEES
