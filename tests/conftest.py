"""Services for the tests: PostgreSQL, Apache Kafka where it is installed, and librdkafka's mock cluster."""

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

# A test's broker runs for seconds: Java's second compiler and its server garbage collector only cost time.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
# There are more test processes than cores: a second thread of a fit only waits for the first on a busy core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
_MANY_CONNECTIONS = {"max_connections": "400"}  # of all test processes and of the commands that they start


@dataclass(frozen=True)
class Broker:
    """A running broker; ``server`` is None unless the tests started it."""

    bootstrap: str
    server: ApacheKafka | None = None
    extra_properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def properties(self) -> dict[str, str]:
        return {"bootstrap.servers": self.bootstrap, **self.extra_properties}


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceFacts]:
    """URL of the database server of all test processes, and a migrated database on it to clone."""
    with shared_service(run_folder(tmp_path_factory), "postgres", _database_server) as facts:
        yield facts


@contextmanager
def _database_server(folder: Path) -> Iterator[ServiceFacts]:
    """The server of TFSTREAM_TEST_DATABASE_URL, or else an embedded PostgreSQL."""
    with ExitStack() as stack:
        given_url = os.environ.get("TFSTREAM_TEST_DATABASE_URL")
        url = given_url or stack.enter_context(EmbeddedPostgres(folder, settings=_MANY_CONNECTIONS)).url
        yield {"url": url, "template": stack.enter_context(template_database(url))}


@contextmanager
def template_database(server_url: str) -> Iterator[str]:
    """Create a migrated database to clone; yields its name."""
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
    """Name of a migrated database; a test's database is a clone of it."""
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
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The Apache Kafka of all test processes, for tests that do not disturb the broker.

    Without Apache Kafka the test is skipped, or fails if TFSTREAM_REQUIRE_KAFKA is set.
    """
    bootstrap = os.environ.get("TFSTREAM_TEST_BOOTSTRAP_SERVERS")
    if bootstrap:
        yield Broker(bootstrap)
        return
    with shared_service(run_folder(tmp_path_factory), "kafka", _broker) as facts:
        yield Broker(facts["bootstrap"])


@contextmanager
def _broker(folder: Path) -> Iterator[ServiceFacts]:
    with ApacheKafka(kafka_home(), folder) as server:
        yield {"bootstrap": server.bootstrap}


@pytest.fixture(scope="session")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """An Apache Kafka of this test process alone; tests may stop, kill and restart it."""
    with ApacheKafka(kafka_home(), tmp_path_factory.mktemp("kafka")) as server:
        yield Broker(server.bootstrap, server)


def kafka_home() -> Path:
    """Folder with the jars of Apache Kafka.

    Without it the test is skipped, or fails if TFSTREAM_REQUIRE_KAFKA is set.
    """
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
        yield Broker(cluster.bootstrap, extra_properties=cluster.properties)


@pytest.fixture
def topic() -> str:
    """A topic name that no other test uses."""
    return f"test.{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def labelled_data() -> Path:
    """The folder of labelled real data; without it the test is skipped."""
    folder = Path(os.environ.get("TFSTREAM_TEST_DATA", "../shared/data")).resolve()
    if not (folder / "skab" / "normal.csv").exists():
        pytest.skip("needs labelled data: set TFSTREAM_TEST_DATA")
    return folder


def temporary_database(server_url: str, template: str) -> Iterator[str]:
    """Create a database with the current schema, for fixtures of any scope; yields its URL."""
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
