"""The schema: what migrations make of an empty database, what its views say, and who may do what."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, inspect, text

from tests.integration import examples
from tests.integration.connections import acting_as, transaction
from tfstream.core.messages.anomaly_event import EventKind, EventType, iso
from tfstream.errors import ConfigurationError
from tfstream.storage import anomalies, migrate, models, partitions, progress, readings, scores, streams
from tfstream.storage.database import Database
from tfstream.storage.tables import metadata

pytestmark = pytest.mark.postgres

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
HOURS = tuple(examples.MONDAY_US + hour * examples.HOUR_US for hour in range(24))
Row = dict[str, Any]


def test_the_tables_of_the_program_are_those_of_the_migrations(database: Database) -> None:
    with database.begin() as connection:
        partitions.ensure(connection, "reading", [MONDAY])
        partitions.ensure(connection, "score", [MONDAY])
    with database.begin() as connection:
        command.check(alembic_config(connection))  # raises when a migration is missing
        found = inspect(connection)
        for table in metadata.sorted_tables:
            theirs = {check["name"] for check in found.get_check_constraints(table.name)}
            ours = {one.name for one in table.constraints if isinstance(one, CheckConstraint)}
            assert theirs == ours, table.name


def test_every_revision_goes_up_down_and_up_again_with_rows_in_every_table(empty_database_url: str) -> None:
    url, revisions = empty_database_url, all_revisions()
    migrate.upgrade(url)
    filled = schema(url)
    fill_every_table(url)
    for revision in reversed(revisions):
        migrate.downgrade(url, before(revision))
    assert migrate.current(url) is None
    assert schema(url) == []
    for revision in revisions:
        migrate.upgrade(url, revision)
        assert migrate.current(url) == revision
    assert schema(url) == filled
    fill_every_table(url)


def test_a_second_upgrade_changes_nothing(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    fill_every_table(empty_database_url)
    before = schema(empty_database_url)
    migrate.upgrade(empty_database_url)
    assert schema(empty_database_url) == before
    assert migrate.current(empty_database_url) == migrate.head()
    with transaction(empty_database_url) as connection:
        assert all(count(connection, name) == 1 for name in metadata.tables)


def test_a_database_without_the_schema_says_what_to_run(empty_database_url: str) -> None:
    remedy = "run `tfstream db upgrade`"
    with closing(Database(empty_database_url)) as database:
        with pytest.raises(ConfigurationError, match=f"at nothing and .* is needed; {remedy}"):
            migrate.require_current(database)
        with pytest.raises(ConfigurationError, match=f"stream.*{remedy}"), database.begin() as connection:
            streams.list_all(connection)


def test_a_schema_of_a_newer_program_is_left_alone(database: Database, database_url: str) -> None:
    migrate.require_current(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    unknown = "9999, which this tfstream does not know"
    with pytest.raises(ConfigurationError, match=unknown):
        migrate.require_current(database)
    with pytest.raises(ConfigurationError, match=unknown):
        migrate.upgrade(database_url)


def test_anomaly_history(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        ended = iso(HOURS[9])
        closed = examples.event(1, event=EventType.CLOSED, sequence=2, ended_at=ended, score=10.0)
        silence = examples.event(
            2, kind=EventKind.SILENCE, sensors=(), threshold=0.0, started_at=iso(HOURS[10])
        )
        anomalies.apply(connection, stream_id, [closed, silence])
        connection.execute(text("UPDATE anomaly SET verdict = 'expected' WHERE state = 'closed'"))
        first, second = view(connection, "SELECT * FROM anomaly_history ORDER BY started_at")
    assert first == {
        "topic": examples.TOPIC,
        "asset": "line-1",
        "kind": "process",
        "state": "closed",
        "started_at": moment(HOURS[8]),
        "ended_at": moment(HOURS[9]),
        "duration": timedelta(hours=1),
        "score": 10.0,
        "threshold": 4.0,
        "severity": 2.5,
        "top_sensor": "flow",
        "sensors": "flow 70 %, level 30 %",
        "verdict": "expected",
        "model_version": 3,
        "id": uuid.UUID(int=1),
        "verdict_at": None,
        "verdict_by": None,
        "note": None,
        "hidden": False,
        "hidden_by": None,
    }
    assert second["state"] == "open"
    unknown = ("ended_at", "duration", "severity", "top_sensor", "sensors", "verdict")
    assert [second[name] for name in unknown] == [None] * len(unknown)


def test_alarm_budget(database: Database) -> None:
    """Half an alarm a week for most; how much of a week was watched decides what chance may bring."""
    next_week = examples.MONDAY_US + 7 * examples.DAY_US
    with database.begin() as connection:
        stream_id = examples.add_stream(connection, alarm_budget_per_week=0.5, asset_budgets={"line-2": 2.0})
        starts = [examples.MONDAY_US, examples.MONDAY_US + examples.DAY_US, next_week - 1, next_week]
        raised = [examples.event(number, started_at=iso(start)) for number, start in enumerate(starts)]
        other = examples.event(10, asset="line-2", kind=EventKind.INSTRUMENT)
        silence = examples.event(11, kind=EventKind.SILENCE)
        anomalies.apply(connection, stream_id, [*raised, other, silence])
        confirm = text("UPDATE anomaly SET verdict = :verdict WHERE id = :id")
        connection.execute(confirm, {"verdict": "confirmed", "id": uuid.UUID(int=0)})
        connection.execute(confirm, {"verdict": "false-alarm", "id": uuid.UUID(int=1)})
        watch(connection, stream_id, "line-1", days=7)
        connection.execute(text("SET LOCAL TIME ZONE 'Pacific/Auckland'"))  # weeks are those of UTC
        found = connection.execute(
            text(
                "SELECT topic, asset, week, asked, raised_unconfirmed, raised, "
                "round(watched_weeks::numeric, 3), least, most, kept FROM alarm_budget ORDER BY 2, 3"
            )
        ).all()
        weeks = view(connection, "SELECT * FROM alarm_budget_week ORDER BY week")
    assert [tuple(row) for row in found] == [
        (examples.TOPIC, "line-1", moment(examples.MONDAY_US), 0.5, 2, 3, 1, 0, 2, True),
        (examples.TOPIC, "line-1", moment(next_week), 0.5, 1, 1, 0, 0, 0, False),
        (examples.TOPIC, "line-2", moment(examples.MONDAY_US), 2.0, 1, 1, 0, 0, 0, False),
    ]
    assert [(week["assets"], week["raised_unconfirmed"], week["most"]) for week in weeks] == [
        (2, 3, 2),
        (1, 1, 0),
    ]


def watch(connection: Connection, stream_id: int, asset: str, *, days: int) -> None:
    """As if scores had been counted all the time: a hop is eight rows of a minute."""
    insert = text(
        "INSERT INTO scored_day SELECT :stream, :asset, date '2026-01-05' + n, 180 "
        "FROM generate_series(0, :days - 1) n"
    )
    connection.execute(insert, {"stream": stream_id, "asset": asset, "days": days})


def test_how_long_an_asset_was_watched_outlives_its_scores(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        scores.write(
            connection,
            stream_id,
            [examples.score(examples.MONDAY_US + 8 * examples.MINUTE_US * n) for n in range(90)],
        )
        watched = "SELECT round((weeks * 7 * 24)::numeric, 6) AS hours FROM watched_week"
        assert [row["hours"] for row in view(connection, watched)] == [12]
        scores.count_days(connection)
        assert [row["hours"] for row in view(connection, watched)] == [12]
        connection.execute(text("DELETE FROM score"))
        scores.count_days(connection)
        assert [row["hours"] for row in view(connection, watched)] == [12]


@pytest.mark.parametrize(
    ("mean", "least", "most"), [(0.0, 0, 0), (0.5, 0, 2), (10.0, 4, 17), (1000.0, 938, 1062)]
)
def test_what_chance_gives(database: Database, mean: float, least: int, most: int) -> None:
    quantile = text("SELECT poisson_quantile(:mean, 0.025), poisson_quantile(:mean, 0.975)")
    with database.begin() as connection:
        assert tuple(connection.execute(quantile, {"mean": mean}).one()) == (least, most)


def test_asset_health(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        assets = ["line-1", "line-1", "line-2"]
        readings.write(
            connection, stream_id, assets, examples.times(0, 9 * 60, 1), examples.cells(*[[1, 2, 3]] * 3)
        )
        scores.write(connection, stream_id, [examples.score(HOURS[1]), examples.score(HOURS[2])])
        week_ago = examples.event(1, event=EventType.CLOSED, started_at=iso(HOURS[9] - 7 * examples.DAY_US))
        within = examples.event(2, event=EventType.CLOSED, started_at=iso(HOURS[10] - 7 * examples.DAY_US))
        anomalies.apply(connection, stream_id, [week_ago, within, examples.event(3)])
        found = view(connection, "SELECT * FROM asset_health ORDER BY asset")
    assert [tuple(row.values()) for row in found] == [
        (examples.TOPIC, "line-1", moment(HOURS[9]), moment(HOURS[2]), 1, 2),
        (examples.TOPIC, "line-2", moment(examples.MONDAY_US + examples.MINUTE_US), None, 0, 0),
    ]


@pytest.fixture
def owned_url(postgres_url: str, empty_database_url: str) -> Iterator[str]:
    """A database whose schema belongs to an ordinary user: no superuser's rights help those who use it."""
    owner = f"tfstream_test_owner_{uuid.uuid4().hex[:8]}"
    with transaction(empty_database_url) as connection:
        connection.execute(text(f"CREATE ROLE {owner} NOLOGIN"))
        connection.execute(text(f"GRANT CREATE, USAGE ON SCHEMA public TO {owner}"))
    migrate.upgrade(acting_as(empty_database_url, owner))
    yield empty_database_url
    with transaction(empty_database_url) as connection:
        connection.execute(text(f"DROP OWNED BY {owner}"))
        connection.execute(text(f"DROP ROLE {owner}"))


def test_the_writing_role_does_all_that_tfstream_does(owned_url: str) -> None:
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
def test_the_writing_role_changes_rows_and_no_tables(owned_url: str, statement: str) -> None:
    with transaction(owned_url) as connection:
        examples.fill_tables(connection)
    refused(acting_as(owned_url, "tfstream_write"), statement)


def test_partitions_are_all_that_the_writing_role_can_drop(owned_url: str) -> None:
    """The functions run with the owner's rights: they must not be led to other tables."""
    with transaction(owned_url) as connection:
        connection.execute(text("CREATE TABLE backup_20260105 (a integer)"))
    with (
        pytest.raises(Exception, match="backup is not partitioned by day"),
        transaction(acting_as(owned_url, "tfstream_write")) as connection,
    ):
        connection.execute(text("SELECT drop_partition('backup', '2026-01-05')"))


def test_the_reading_role_sees_everything_and_changes_nothing(owned_url: str) -> None:
    with transaction(owned_url) as connection:
        examples.fill_tables(connection)
        names = [*metadata.tables, *inspect(connection).get_view_names()]
    url = acting_as(owned_url, "tfstream_read")
    with closing(Database(url)) as database:
        migrate.require_current(database)
        with database.begin() as connection:
            seen = {name: count(connection, name) for name in names}
    assert all(seen.values()), seen
    for name in metadata.tables:
        refused(url, f"DELETE FROM {name}")
    refused(url, "UPDATE anomaly SET verdict = 'confirmed'")
    refused(url, f"INSERT INTO progress VALUES ('record', '{examples.TOPIC}', 9, 1)")
    refused(url, "SELECT make_partition('reading', '2020-01-01')")
    refused(url, "SELECT drop_partition('reading', '2026-01-05')")


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrate.directory()))
    config.attributes["connection"] = connection
    return config


def all_revisions() -> list[str]:
    """Every migration of the program, the first one first."""
    scripts = ScriptDirectory(str(migrate.directory()))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def before(revision: str) -> str:
    script = ScriptDirectory(str(migrate.directory())).get_revision(revision)
    assert script is not None
    return str(script.down_revision or "base")


def fill_every_table(url: str) -> None:
    with transaction(url) as connection:
        examples.fill_tables(connection)
        assert all(count(connection, name) for name in metadata.tables)


def schema(url: str) -> list[tuple[object, ...]]:
    """Every column, constraint, view and function of ours, as the server describes them."""
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
        found = [tuple(row) for query in queries for row in connection.execute(text(query))]
    return sorted(found, key=str)


def view(connection: Connection, query: str) -> list[Row]:
    return [dict(row._mapping) for row in connection.execute(text(query))]


def count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())


def moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def refused(url: str, statement: str) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"permission denied|must be owner"),
        transaction(url) as connection,
    ):
        connection.execute(text(statement))
