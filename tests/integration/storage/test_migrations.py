"""The migrations: every revision upgrades and downgrades, and the tables equal those of the program."""

from __future__ import annotations

from contextlib import closing
from datetime import date

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, inspect, text

from tests.integration.support import examples
from tests.integration.support.connections import transaction
from tests.integration.support.queries import count
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.errors import ConfigurationError
from tfstream.storage import anomalies, migrate, partitions, streams
from tfstream.storage.database import Database
from tfstream.storage.tables import metadata

pytestmark = pytest.mark.postgres

MONDAY = date(2026, 1, 5)


def test_the_migrations_create_the_tables_that_the_program_declares(database: Database) -> None:
    with database.begin() as connection:
        partitions.ensure(connection, "reading", [MONDAY])
        partitions.ensure(connection, "score", [MONDAY])
    with database.begin() as connection:
        command.check(alembic_config(connection))  # raises when a migration is missing
        inspector = inspect(connection)
        for table in metadata.sorted_tables:
            migrated = {check["name"] for check in inspector.get_check_constraints(table.name)}
            declared = {check.name for check in table.constraints if isinstance(check, CheckConstraint)}
            assert migrated == declared, table.name


def test_every_revision_upgrades_and_downgrades_with_rows_in_every_table(empty_database_url: str) -> None:
    url, revisions = empty_database_url, all_revisions()
    migrate.upgrade(url)
    complete = schema(url)
    fill_every_table(url)
    for revision in reversed(revisions):
        migrate.downgrade(url, previous(revision))
    assert migrate.current(url) is None
    assert schema(url) == []
    for revision in revisions:
        migrate.upgrade(url, revision)
        assert migrate.current(url) == revision
    assert schema(url) == complete
    fill_every_table(url)


def test_anomalies_and_scores_of_older_versions_get_the_score_as_witness(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    with transaction(empty_database_url) as connection:
        examples.fill_tables(connection)
        stream_id = streams.list_all(connection)[0].id
        anomalies.apply(connection, stream_id, [examples.event(2, kind=EventKind.SILENCE)])
    migrate.downgrade(empty_database_url, "0005")
    migrate.upgrade(empty_database_url)
    with transaction(empty_database_url) as connection:
        query = text("SELECT kind, witness, witnesses, scale_s, reason FROM anomaly ORDER BY kind")
        assert [tuple(row) for row in connection.execute(query)] == [
            ("process", "score", ["score"], None, None),
            ("silence", None, [], None, None),
        ]
        (score,) = connection.execute(text("SELECT witness, expected_per_week FROM score"))
    assert tuple(score) == ("score", None)


def test_a_second_upgrade_changes_nothing(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    fill_every_table(empty_database_url)
    before = schema(empty_database_url)
    migrate.upgrade(empty_database_url)
    assert schema(empty_database_url) == before
    assert migrate.current(empty_database_url) == migrate.head()
    with transaction(empty_database_url) as connection:
        assert all(count(connection, name) == 1 for name in metadata.tables)


def test_a_database_without_the_schema_is_refused_with_a_remedy(empty_database_url: str) -> None:
    remedy = "run `tfstream db upgrade`"
    with closing(Database(empty_database_url)) as database:
        with pytest.raises(ConfigurationError, match=f"at nothing and .* is needed; {remedy}"):
            migrate.require_current(database)
        with pytest.raises(ConfigurationError, match=f"stream.*{remedy}"), database.begin() as connection:
            streams.list_all(connection)


def test_a_schema_of_a_newer_program_is_not_changed(database: Database, database_url: str) -> None:
    migrate.require_current(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    unknown = "9999, which this tfstream does not know"
    with pytest.raises(ConfigurationError, match=unknown):
        migrate.require_current(database)
    with pytest.raises(ConfigurationError, match=unknown):
        migrate.upgrade(database_url)


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrate.directory()))
    config.attributes["connection"] = connection
    return config


def all_revisions() -> list[str]:
    """Every migration of the program, from the first to the last."""
    scripts = ScriptDirectory(str(migrate.directory()))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def previous(revision: str) -> str:
    script = ScriptDirectory(str(migrate.directory())).get_revision(revision)
    assert script is not None
    return str(script.down_revision or "base")


def fill_every_table(url: str) -> None:
    with transaction(url) as connection:
        examples.fill_tables(connection)
        assert all(count(connection, name) for name in metadata.tables)


def schema(url: str) -> list[tuple[object, ...]]:
    """Every column, constraint, view and function of the schema, as the server describes them."""
    queries = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default"
        "  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid <> to_regclass('alembic_version')",
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
        "SELECT proname, prosrc, array_to_string(proacl, ' ') FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace",
    )
    with transaction(url) as connection:
        descriptions = [tuple(row) for query in queries for row in connection.execute(text(query))]
    return sorted(descriptions, key=str)
