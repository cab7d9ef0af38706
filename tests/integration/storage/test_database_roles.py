"""What tfstream_read and tfstream_write may do, and what PostgreSQL refuses them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import inspect, text

from tests.integration.support import examples
from tests.integration.support.connections import acting_as, transaction
from tests.integration.support.queries import count
from tfstream.errors import ConfigurationError
from tfstream.storage import anomalies, migrate, models, partitions, progress, readings, streams
from tfstream.storage.database import Database
from tfstream.storage.tables import metadata

pytestmark = pytest.mark.postgres

TUESDAY = date(2026, 1, 6)


@pytest.fixture
def owned_url(postgres_url: str, empty_database_url: str) -> Iterator[str]:
    """A database whose schema belongs to an ordinary user: its views have no superuser's rights."""
    owner = f"tfstream_test_owner_{uuid.uuid4().hex[:8]}"
    with transaction(empty_database_url) as connection:
        connection.execute(text(f"CREATE ROLE {owner} NOLOGIN"))
        connection.execute(text(f"GRANT CREATE, USAGE ON SCHEMA public TO {owner}"))
    migrate.upgrade(acting_as(empty_database_url, owner))
    yield empty_database_url
    with transaction(empty_database_url) as connection:
        connection.execute(text(f"DROP OWNED BY {owner}"))
        connection.execute(text(f"DROP ROLE {owner}"))


def test_the_writing_role_can_do_all_that_tfstream_does(owned_url: str) -> None:
    url = acting_as(owned_url, "tfstream_write")
    with closing(Database(url)) as database:
        migrate.require_current(database)
        with database.begin() as connection:
            examples.fill_tables(connection)
            stream = streams.get(connection, examples.TOPIC)
            readings.write(connection, stream.id, ["line-1"], examples.times(0), examples.cells([4, 5, 6]))
            progress.advance(connection, "record", examples.TOPIC, 0, 1, 2)
            streams.update(connection, stream.definition)
            assert models.champion(connection, stream.id) is not None
            assert len(anomalies.find(connection)) == 1
            assert partitions.drop_before(connection, "reading", TUESDAY) == ["reading_20260105"]
            assert readings.span(connection, stream.id) is None


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a integer)",
        "TRUNCATE anomaly",
        "DROP TABLE progress",
        "DROP VIEW asset_health",
        "ALTER TABLE anomaly ADD COLUMN mine text",
        "CREATE TABLE mine PARTITION OF reading FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')",
        "DROP TABLE reading_20260105",
    ],
)
def test_the_writing_role_cannot_change_tables(owned_url: str, statement: str) -> None:
    with transaction(owned_url) as connection:
        examples.fill_tables(connection)
    assert_refused(acting_as(owned_url, "tfstream_write"), statement)


def test_the_writing_role_can_drop_only_day_partitions(owned_url: str) -> None:
    """The functions run with the owner's rights: they must refuse other tables."""
    with transaction(owned_url) as connection:
        connection.execute(text("CREATE TABLE backup_20260105 (a integer)"))
    with (
        pytest.raises(Exception, match="backup is not partitioned by day"),
        transaction(acting_as(owned_url, "tfstream_write")) as connection,
    ):
        connection.execute(text("SELECT drop_partition('backup', '2026-01-05')"))


def test_the_reading_role_reads_every_table_and_changes_none(owned_url: str) -> None:
    with transaction(owned_url) as connection:
        examples.fill_tables(connection)
        names = [*metadata.tables, *inspect(connection).get_view_names()]
    url = acting_as(owned_url, "tfstream_read")
    with closing(Database(url)) as database:
        migrate.require_current(database)
        with database.begin() as connection:
            row_counts = {name: count(connection, name) for name in names}
    assert all(row_counts.values()), row_counts
    for name in metadata.tables:
        assert_refused(url, f"DELETE FROM {name}")
    assert_refused(url, "UPDATE anomaly SET verdict = 'confirmed'")
    assert_refused(url, f"INSERT INTO progress VALUES ('record', '{examples.TOPIC}', 9, 1)")
    assert_refused(url, "SELECT make_partition('reading', '2020-01-01')")
    assert_refused(url, "SELECT drop_partition('reading', '2026-01-05')")


def assert_refused(url: str, statement: str) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"permission denied|must be owner"),
        transaction(url) as connection,
    ):
        connection.execute(text(statement))
