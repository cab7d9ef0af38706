"""Model versions in PostgreSQL: numbering, the champion, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tests.integration.support.connections import run_concurrently, wait_until_blocked
from tfstream.errors import BadData
from tfstream.storage import models, partitions, readings
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us

pytestmark = pytest.mark.postgres

MONDAY = date(2026, 1, 5)


def test_model_versions_are_numbered_per_stream_and_only_one_is_champion(
    database: Database, stream_id: int
) -> None:
    with database.begin() as connection:
        other = examples.add_stream(connection, "other.sensors")
        assert [examples.save_model(connection, stream_id, bundle) for bundle in (b"first", b"second")] == [
            1,
            2,
        ]
        assert examples.save_model(connection, other) == 1
        assert models.champion(connection, stream_id) is None
        models.promote(connection, stream_id, 1)
        models.promote(connection, stream_id, 2)
        models.promote(connection, stream_id, 2)
        models.reject(connection, stream_id, examples.save_model(connection, stream_id), "too many alarms")
        listed = models.list_all(connection, stream_id)
        assert [(row.version, row.status, row.reason) for row in listed] == [
            (3, "rejected", "too many alarms"),
            (2, "champion", None),
            (1, "retired", None),
        ]
        assert {row.bundle for row in listed} == {b""}
        champion = models.champion(connection, stream_id)
        assert champion == models.load(connection, stream_id, 2)
        assert champion is not None
        assert (champion.bundle, champion.metrics) == (b"second", {"loss": 0.5})
        assert (champion.rows, champion.seed) == (1440, 7)
        assert to_us(champion.trained_until) - to_us(champion.trained_from) == examples.DAY_US
        assert models.champion_version(connection, other) is None


def test_a_missing_champion_is_described_with_a_remedy(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        assert "run `tfstream train" in models.describe_missing_champion(
            connection, stream_id, examples.TOPIC
        )
        version = examples.save_model(connection, stream_id)
        models.reject(connection, stream_id, version, "too many alarms")
        description = models.describe_missing_champion(connection, stream_id, examples.TOPIC)
    assert f"no model version of {examples.TOPIC} is the champion: version 1 is rejected" in description
    assert f"`tfstream models promote 1 --topic {examples.TOPIC}`" in description


def test_a_missing_version_and_a_damaged_bundle_are_refused(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        models.promote(connection, stream_id, examples.save_model(connection, stream_id))
    for operation in (models.promote, models.load):
        with pytest.raises(BadData, match="no model version 7"), database.begin() as connection:
            operation(connection, stream_id, 7)
    with database.begin() as connection:
        assert models.champion_version(connection, stream_id) == 1  # the failed promotion retired no model
        connection.execute(text("UPDATE model SET bundle = set_byte(bundle, 2, 0)"))
    with pytest.raises(BadData, match="version 1 is damaged"), database.begin() as connection:
        models.champion(connection, stream_id)


def test_two_refits_that_end_at_the_same_time_get_different_versions(
    database: Database, stream_id: int
) -> None:
    def save_and_promote() -> int:
        with database.begin() as connection:
            version = examples.save_model(connection, stream_id)
            models.promote(connection, stream_id, version)
            return version

    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            examples.save_model(connection, stream_id)
            second = pool.submit(save_and_promote)
            wait_until_blocked(database)
        assert second.result() == 2
    assert sorted(run_concurrently(save_and_promote, 4)) == [3, 4, 5, 6]
    with database.begin() as connection:
        statuses = [row.status for row in models.list_all(connection, stream_id)]
    assert sorted(statuses) == ["candidate", "champion", "retired", "retired", "retired", "retired"]


def test_saving_a_model_does_not_block_writers_of_readings(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        partitions.ensure(connection, "reading", [MONDAY])
    with database.begin() as refit, database.begin() as recorder:
        examples.save_model(refit, stream_id)
        recorder.execute(text("SET LOCAL lock_timeout = '5s'"))
        readings.write(recorder, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))
