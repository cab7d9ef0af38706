"""A small plant and its services; its model is trained once and copied to each stream that needs a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Broker, database_url_of, kafka_home, template_database, temporary_database
from tests.integration.support import examples
from tests.integration.support.cli_shell import Shell
from tests.integration.support.commands import Tfstream
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.secured_services import (
    SecuredKafka,
    SecuredPostgres,
    secured_kafka,
    secured_postgres,
)
from tests.integration.support.stream_copy import copy_stream
from tests.shared_service import ServiceFacts, run_folder, shared_service
from tfstream.embedded.process import free_port
from tfstream.storage.database import Database

TEMPLATE_STREAM = "template"


@pytest.fixture(scope="session")
def plant_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a database with a trained stream, to be cloned; one test process trains it for all."""

    @contextmanager
    def train_once(folder: Path) -> Iterator[ServiceFacts]:
        folder.mkdir()
        normal = write_plant(folder / "normal.csv", rows=900)
        with template_database(postgres_url) as name:
            tfstream = Tfstream(database_url_of(postgres_url, name), f"127.0.0.1:{free_port()}")
            tfstream.run("load", normal, "--topic", TEMPLATE_STREAM)
            tfstream.run("train", "--topic", TEMPLATE_STREAM)
            yield {"database": name}

    with shared_service(run_folder(tmp_path_factory), "plant", train_once) as facts:
        yield facts["database"]


@pytest.fixture(scope="session")
def plant(
    kafka: Broker, postgres_url: str, plant_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plant]:
    """A plant with a database of this test process alone, and the broker of all test processes."""
    yield from _plant(kafka, postgres_url, plant_template, tmp_path_factory.mktemp("plant"))


@pytest.fixture(scope="session")
def own_plant(
    own_kafka: Broker, postgres_url: str, plant_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plant]:
    """A plant with a broker of this test process alone, for tests that disturb the broker."""
    yield from _plant(own_kafka, postgres_url, plant_template, tmp_path_factory.mktemp("own-plant"))


def _plant(kafka: Broker, postgres_url: str, plant_template: str, folder: Path) -> Iterator[Plant]:
    normal = write_plant(folder / "normal.csv", rows=900)
    faulty = write_plant(folder / "faulty.csv", rows=700, start="2026-01-06T00:00:00Z", faulty=True)
    for url in temporary_database(postgres_url, plant_template):
        yield Plant(Tfstream(url, kafka.bootstrap, TFSTREAM_KAFKA_SESSION_TIMEOUT_MS="6000"), normal, faulty)


@pytest.fixture(scope="session")
def template_stream() -> str:
    """Topic of the stream with a model in the plant's database, to be copied."""
    return TEMPLATE_STREAM


@pytest.fixture
def trained_topic(plant: Plant, topic: str) -> str:
    """A topic with a stream and a model; the faulty file of one asset was replayed to it."""
    return _replay_faulty(plant, topic)


@pytest.fixture
def own_trained_topic(own_plant: Plant, topic: str) -> str:
    """A trained topic on the broker that tests may disturb."""
    return _replay_faulty(own_plant, topic)


def _replay_faulty(plant: Plant, topic: str) -> str:
    copy_stream(plant.tfstream.database_url, TEMPLATE_STREAM, topic)
    plant.tfstream.run("replay", plant.faulty, "--topic", topic)
    return topic


@pytest.fixture(scope="module")
def module_database_url(postgres_url: str, template: str) -> Iterator[str]:
    """URL of a database that the tests of a module share, each with its own streams."""
    yield from temporary_database(postgres_url, template)


@pytest.fixture(scope="module")
def shell(module_database_url: str) -> Shell:
    """The command line with the database of the module and without Kafka; anna enters the labels."""
    return Shell(module_database_url, TFSTREAM_BY="anna")


@pytest.fixture
def shell_database(module_database_url: str) -> Iterator[Database]:
    """The database of ``shell``."""
    with closing(Database(module_database_url)) as database:
        yield database


@pytest.fixture
def stream_id(database: Database) -> int:
    """The id of a stream without readings or models."""
    with database.begin() as connection:
        return examples.add_stream(connection)


@pytest.fixture(scope="session")
def guarded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A broker with TLS, logins and an access list."""
    with secured_kafka(kafka_home(), tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="session")
def guarded_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredPostgres]:
    """A PostgreSQL with TLS and passwords."""
    with secured_postgres(tmp_path_factory.mktemp("guarded-postgres")) as server:
        yield server
