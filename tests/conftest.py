"""Services for the tests: PostgreSQL always, Apache Kafka where there is one, librdkafka's mock cluster."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.shared_service import ServiceFacts, run_folder, shared_service
from tfstream.embedded import kafka as apache
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.mock import MockKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.storage import migrate
from tfstream.storage.database import Database

# Brokers of the tests live for seconds: Java's second compiler and its collector for servers only cost them.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
# More test processes than cores: a second thread of a fit only waits for the first, and spends a core on it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
_MANY_CONNECTIONS = {"max_connections": "400"}  # all test processes' and those of their commands


@dataclass(frozen=True)
class Broker:
    """A running broker; ``server`` is there only when the tests started it themselves."""

    bootstrap: str
    server: ApacheKafka | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def properties(self) -> dict[str, str]:
        return {"bootstrap.servers": self.bootstrap, **self.more}


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceFacts]:
    """The database server of all test processes, and a migrated database on it to clone."""
    with shared_service(run_folder(tmp_path_factory), "postgres", _database_server) as facts:
        yield facts


@contextmanager
def _database_server(folder: Path) -> Iterator[ServiceFacts]:
    """TFSTREAM_TEST_DATABASE_URL, or the embedded one."""
    with ExitStack() as stack:
        given = os.environ.get("TFSTREAM_TEST_DATABASE_URL")
        url = given or stack.enter_context(EmbeddedPostgres(folder, settings=_MANY_CONNECTIONS)).url
        yield {"url": url, "template": stack.enter_context(template_database(url))}


@contextmanager
def template_database(server_url: str) -> Iterator[str]:
    """The name of a migrated database that the tests' own are cloned from."""
    name = f"tfstream_template_{uuid.uuid4().hex[:8]}"
    _execute(server_url, "CREATE DATABASE {}", name)
    migrate.upgrade(database_url_of(server_url, name))
    yield name
    _execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def postgres_url(database_server: ServiceFacts) -> str:
    """The database server's URL."""
    return str(database_server["url"])


@pytest.fixture(scope="session")
def template(database_server: ServiceFacts) -> str:
    """A migrated database that the tests' own are cloned from."""
    return str(database_server["template"])


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database without a schema."""
    yield from _temporary(postgres_url, "CREATE DATABASE {}")


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """A fresh database with the current schema."""
    yield from temporary_database(postgres_url, template)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The Apache Kafka of all test processes: for tests that leave it alone.

    TFSTREAM_REQUIRE_KAFKA turns a missing one from a skip into a failure.
    """
    given = os.environ.get("TFSTREAM_TEST_BOOTSTRAP_SERVERS")
    if given:
        yield Broker(given)
        return
    with shared_service(run_folder(tmp_path_factory), "kafka", _broker) as facts:
        yield Broker(facts["bootstrap"])


@contextmanager
def _broker(folder: Path) -> Iterator[ServiceFacts]:
    with ApacheKafka(kafka_home(), folder) as server:
        yield {"bootstrap": server.bootstrap}


@pytest.fixture(scope="session")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """An Apache Kafka of this test process alone, which tests may stop, kill and start again."""
    with ApacheKafka(kafka_home(), tmp_path_factory.mktemp("kafka")) as server:
        yield Broker(server.bootstrap, server)


def kafka_home() -> Path:
    """The jars to start a broker from; without them the test is skipped, or fails where they are a must."""
    home = apache.find_kafka_home()
    if home is None:
        if os.environ.get("TFSTREAM_REQUIRE_KAFKA"):
            pytest.fail(
                "TFSTREAM_REQUIRE_KAFKA is set and there is no Apache Kafka: set KAFKA_HOME, install Java 17"
            )
        pytest.skip("needs Apache Kafka")
    return home


@pytest.fixture(scope="session")
def mock_kafka() -> Iterator[Broker]:
    with MockKafka() as cluster:
        yield Broker(cluster.bootstrap, more=cluster.properties)


@pytest.fixture
def topic() -> str:
    """A topic name that nobody else uses."""
    return f"test.{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def labelled_data() -> Path:
    """The folder of labelled real data, where there is one."""
    folder = Path(os.environ.get("TFSTREAM_TEST_DATA", "../shared/data")).resolve()
    if not (folder / "skab" / "normal.csv").exists():
        pytest.skip("needs labelled data: set TFSTREAM_TEST_DATA")
    return folder


def temporary_database(server_url: str, template: str) -> Iterator[str]:
    """The URL of a fresh database with the current schema, for fixtures of any scope."""
    yield from _temporary(server_url, f"CREATE DATABASE {{}} TEMPLATE {template}")


def _temporary(server_url: str, create: str) -> Iterator[str]:
    name = f"tfstream_test_{uuid.uuid4().hex[:12]}"
    _execute(server_url, create, name)
    yield database_url_of(server_url, name)
    _execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


def database_url_of(server_url: str, name: str) -> str:
    return server_url.rpartition("/")[0] + f"/{name}"


def _execute(url: str, statement: str, name: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
