"""The services of a demo: those of the settings, or else started here and ended with it."""

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
    """Where everything runs, and what a user should know about it."""

    settings: Settings
    database: str
    broker: str
    caveat: str | None  # what this broker cannot promise


@contextmanager
def services(settings: Settings) -> Iterator[Services]:
    """Configured services are used as they are; what is missing is started in a temporary folder.

    :raises ServiceUnavailable: when one of them does not come up.
    :raises ConfigurationError: when the embedded PostgreSQL is needed and not installed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfstream-demo-")))
        database, url = "as configured", settings.database_url
        if not url:
            url = stack.enter_context(EmbeddedPostgres(folder / "postgres")).url
            database = "embedded PostgreSQL"
        broker, properties = "as configured", settings.kafka
        caveat: str | None = None
        if not properties.get("bootstrap.servers"):
            broker, properties, caveat = _broker(stack, folder)
        yield Services(
            settings=settings.with_services(database_url=url, kafka=properties),
            database=database,
            broker=broker,
            caveat=caveat,
        )


def _broker(stack: ExitStack, folder: Path) -> tuple[str, Mapping[str, str], str | None]:
    """Its name, a client's properties, and what it cannot promise."""
    home = kafka.find_kafka_home()
    if home is not None:
        server = stack.enter_context(ApacheKafka(home, folder / "kafka"))
        return "embedded Apache Kafka", {"bootstrap.servers": server.bootstrap}, None
    cluster = stack.enter_context(MockKafka())
    return "librdkafka's mock cluster", cluster.properties, mock.MISSING_GUARANTEES
