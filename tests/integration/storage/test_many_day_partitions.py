"""Years of daily readings need more day partitions than one transaction can lock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import text

from tests.conftest import Broker, template_database
from tfstream.app.files import load
from tfstream.app.files.replay import replay
from tfstream.app.files.sensor_table import SensorTable
from tfstream.app.ingest.recorder import Recorder
from tfstream.core.stream import StreamDefinition
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.errors import ConfigurationError
from tfstream.storage import partitions, readings, streams
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

DAY_US = 86_400_000_000
# A quarter of PostgreSQL's usual 64 to a transaction: the tests make fewer tables before the locks run out.
FEW_LOCKS = {"max_locks_per_transaction": "16"}
DAYS = 900  # the locks suffice for about 650 tables with their indexes


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for this module alone: its transactions use up the locks."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings=FEW_LOCKS) as server:
        yield server.url


@pytest.fixture(scope="module")
def template(postgres_url: str) -> Iterator[str]:
    with template_database(postgres_url) as name:
        yield name


def daily(topic: str) -> tuple[SensorTable, StreamDefinition]:
    """A table with a reading a day for two and a half years, and its stream."""
    table = SensorTable(
        source="daily.csv",
        sensors=("flow",),
        assets=["pump"] * DAYS,
        times_us=np.arange(DAYS, dtype=np.int64) * DAY_US + 1_500_000_000_000_000,
        values=np.arange(DAYS, dtype=np.float32)[:, None],
    )
    return table, StreamDefinition(topic=topic, sensors=("flow",), interval_us=DAY_US)


def count_readings(database: Database) -> int:
    """The rows of `reading`, a hundred partitions per query: one query over all would run out of locks."""
    with database.begin() as connection:
        names = partitions.list_all(connection, "reading")
    count = 0
    for start in range(0, len(names), 100):
        counts = " UNION ALL ".join(f"SELECT count(*) n FROM {name}" for name in names[start : start + 100])
        with database.begin() as connection:
            count += int(connection.execute(text(f"SELECT sum(n) FROM ({counts}) part")).scalar_one())
    return count


def test_too_many_partitions_in_one_transaction_are_refused_with_a_remedy(database: Database) -> None:
    table, _ = daily("daily")
    with (
        pytest.raises(ConfigurationError, match="out of shared memory; raise max_locks_per_transaction"),
        database.begin() as connection,
    ):
        readings.ensure_partitions(connection, table.times_us)


def test_a_load_creates_its_partitions_in_several_transactions(database: Database) -> None:
    table, _ = daily("daily")
    assert load.load(database, table, "daily").rows == DAYS
    assert count_readings(database) == DAYS


@pytest.mark.kafka
def test_the_recorder_retries_with_smaller_batches(kafka: Broker, database: Database, topic: str) -> None:
    table, definition = daily(topic)
    with database.begin() as connection:
        stream = streams.add(connection, definition)
    replay(kafka.properties, table, definition)
    recorder = Recorder(kafka.properties, database, stream)
    recorder.run(lambda: False, until_end=True)
    assert recorder.processed == DAYS
    assert count_readings(database) == DAYS
