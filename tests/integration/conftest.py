"""A small plant on its own services; its model is trained once and copied to every stream that needs one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Broker, kafka_home, temporary_database
from tests.integration.commands import Tfstream
from tests.integration.plants import Plant, write_plant
from tests.integration.secured import SecuredKafka, SecuredPostgres, secured_kafka, secured_postgres
from tests.integration.stream_copy import copy_stream


@pytest.fixture(scope="session")
def plant(
    kafka: Broker, postgres_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("plant")
    normal = write_plant(folder / "normal.csv", rows=900)
    faulty = write_plant(folder / "faulty.csv", rows=700, start="2026-01-06T00:00:00Z", faulty=True)
    for url in temporary_database(postgres_url, template):
        yield Plant(Tfstream(url, kafka.bootstrap, TFSTREAM_KAFKA_SESSION_TIMEOUT_MS="6000"), normal, faulty)


@pytest.fixture(scope="session")
def template_stream(plant: Plant) -> str:
    """A stream with a model, to be copied."""
    plant.tfstream.run("load", plant.normal, "--topic", "template")
    plant.tfstream.run("train", "--topic", "template")
    return "template"


@pytest.fixture
def trained(plant: Plant, template_stream: str, topic: str) -> str:
    """A topic with a stream, a model, and the faulty file of one asset replayed to it."""
    copy_stream(plant.tfstream.database_url, template_stream, topic)
    plant.tfstream.run("replay", plant.faulty, "--topic", topic)
    return topic


@pytest.fixture(scope="session")
def guarded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A broker with TLS, logins and an access list."""
    with secured_kafka(kafka_home(), tmp_path_factory.mktemp("guarded")) as found:
        yield found


@pytest.fixture(scope="session")
def guarded_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredPostgres]:
    """A PostgreSQL with TLS and passwords."""
    with secured_postgres(tmp_path_factory.mktemp("guarded-postgres")) as found:
        yield found
