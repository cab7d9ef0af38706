"""What is put into PostgreSQL comes out again: readings, scores, offsets, models, anomalies, streams."""

from __future__ import annotations

import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, datetime, timedelta

import msgspec
import numpy as np
import pytest
from sqlalchemy import text

from tests.integration import examples
from tests.integration.connections import run_concurrently, wait_until_blocked
from tfstream.app.files.load import load
from tfstream.app.files.sensor_table import SensorTable
from tfstream.core.messages.anomaly_event import EventKind, EventType, ModelReference, iso
from tfstream.core.reading import Values
from tfstream.core.stream import Encoding, Layout, TimeUnit
from tfstream.errors import BadData, ConfigurationError
from tfstream.storage import anomalies, models, partitions, progress, readings, scores, streams
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.progress import OffsetConflict

pytestmark = pytest.mark.postgres

NAN = float("nan")
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
MONDAY = date(2026, 1, 5)
AWKWARD = 'O\'Brien \\ 100 %s {asset} :since "q" $1'


@pytest.fixture
def stream_id(database: Database) -> int:
    with database.begin() as connection:
        return examples.add_stream(connection)


def test_readings_come_back_as_they_were_written(database: Database, stream_id: int) -> None:
    written = examples.cells(
        [1.5, NAN, -0.0],
        [LARGEST, -LARGEST, SMALLEST],
        [NAN, NAN, NAN],
        [0.1, -SMALLEST, 3e-39],
        [5, 6, 7],
    )
    assets = ["a", "Anlage-ü", "水処理場-第二", AWKWARD, "a"]
    times_us = examples.times(0, 1, 2, 3, 4) + np.array(
        [0, 1, 999_999, 2 * examples.DAY_US, -examples.HOUR_US]
    )
    with database.begin() as connection:
        assert readings.write(connection, stream_id, assets, times_us, written) == 5
        assert readings.assets(connection, stream_id, None, None) == sorted(set(assets))
        for asset in set(assets):
            mine = np.flatnonzero([one == asset for one in assets])
            mine = mine[np.argsort(times_us[mine])]
            series = readings.read(connection, stream_id, asset, None, None, 3)
            assert series.asset == asset
            np.testing.assert_array_equal(series.times_us, times_us[mine])
            same_bits(series.values, written[mine])
        made = ["reading_20260104", "reading_20260105", "reading_20260107"]
        assert partitions.list_all(connection, "reading") == made
        assert readings.span(connection, stream_id) == (times_us.min(), times_us.max(), 5)


def test_a_span_of_readings_holds_its_ends_and_its_own_stream(database: Database, stream_id: int) -> None:
    minutes = examples.times(0, 1, 2, 3)
    with database.begin() as connection:
        other = examples.add_stream(connection, "other.sensors")
        readings.write(connection, stream_id, ["a", "a", "a", "b"], minutes, examples.cells(*[[1, 2, 3]] * 4))
        readings.write(connection, other, ["a"], minutes[:1], examples.cells([9, 9, 9]))
        since, until = int(minutes[1]), int(minutes[2])
        assert readings.read(connection, stream_id, "a", since, until, 3).times_us.tolist() == [since, until]
        assert readings.assets(connection, stream_id, since, until) == ["a"]
        assert readings.assets(connection, stream_id, int(minutes[3]), None) == ["b"]
        nothing = readings.read(connection, stream_id, "nobody", None, None, 3)
        assert nothing.values.shape == (0, 3)
        assert readings.span(connection, examples.add_stream(connection, "third.sensors")) is None


def test_writing_the_same_readings_again_changes_nothing(database: Database, stream_id: int) -> None:
    written = examples.cells([1, NAN, -0.0], [NAN, NAN, NAN])
    for _ in range(2):
        with database.begin() as connection:
            readings.write(connection, stream_id, ["a", "b"], examples.times(0, 0), written)
    with database.begin() as connection:
        assert readings.span(connection, stream_id) == (examples.MONDAY_US, examples.MONDAY_US, 2)
        for place, asset in enumerate("ab"):
            same_bits(readings.read(connection, stream_id, asset, None, None, 3).values, written[[place]])


def test_a_later_row_fills_cells_and_takes_none_away(database: Database, stream_id: int) -> None:
    steps = [[1, NAN, 3], [NAN, 2, NAN], [NAN, NAN, -0.0]]
    with database.begin() as connection:
        for step in steps:  # twice in one transaction: the second merge needs the first one's table empty
            readings.write(
                connection, stream_id, ["a", AWKWARD], examples.times(0, 0), examples.cells(step, step)
            )
        last = examples.cells([7, NAN, NAN], [8, 8, 8])
        readings.write(connection, stream_id, ["a", "b"], examples.times(0, 1), last)
        for asset, merged in {"a": [7.0, 2, -0.0], AWKWARD: [1.0, 2, -0.0], "b": [8.0, 8, 8]}.items():
            read = readings.read(connection, stream_id, asset, None, None, 3)
            same_bits(read.values, examples.cells(merged))


def test_rows_from_before_a_sensor_was_added_are_padded(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        readings.write(
            connection, stream_id, ["a", "a"], examples.times(0, 2), examples.cells([1, 2], [3, 4])
        )
        readings.write(connection, stream_id, ["a"], examples.times(1), examples.cells([5, 6, 7]))
        read = readings.read(connection, stream_id, "a", None, None, 3)
        assert read.times_us.tolist() == examples.times(0, 1, 2).tolist()
        same_bits(read.values, examples.cells([1, 2, NAN], [5, 6, 7], [3, 4, NAN]))
        same_bits(
            readings.read(connection, stream_id, "a", None, None, 1).values, examples.cells([1], [5], [3])
        )
        longer = examples.cells([NAN, 9, NAN], [NAN, NAN, 10])
        readings.write(connection, stream_id, ["a", "a"], examples.times(0, 2), longer)
        merged = readings.read(connection, stream_id, "a", None, None, 3)
        same_bits(merged.values, examples.cells([1, 9, NAN], [5, 6, 7], [3, 4, 10]))


def test_nothing_written_makes_no_partition(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        assert readings.write(connection, stream_id, [], examples.times(), np.empty((0, 3), np.float32)) == 0
        scores.write(connection, stream_id, [])
        assert partitions.list_all(connection, "reading") == partitions.list_all(connection, "score") == []


def test_two_makers_of_one_partition_wait_for_one_another(database: Database) -> None:
    days = [MONDAY, MONDAY + timedelta(days=1)]

    def ensure() -> list[date]:
        with database.begin() as connection:
            return partitions.ensure(connection, "reading", days)

    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            assert partitions.ensure(connection, "reading", days[:1]) == days[:1]
            second = pool.submit(ensure)
            wait_until_blocked(database)
        assert second.result() == days[1:]
    assert ensure() == []
    assert sorted(run_concurrently(lambda: made_for(database, "score", days), 3)) == [[], [], days]


def test_a_new_partition_does_not_wait_for_writers(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        partitions.ensure(connection, "reading", [MONDAY])
    with database.begin() as first, database.begin() as second:
        readings.write(first, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))
        second.execute(text("SET LOCAL lock_timeout = '5s'"))
        readings.write(
            second, stream_id, ["a"], examples.times(0) + examples.DAY_US, examples.cells([1, 2, 3])
        )


@pytest.mark.parametrize("known", [True, False])
def test_a_long_load_and_a_recorder_at_midnight_do_not_stop_each_other(
    database: Database, stream_id: int, known: bool
) -> None:
    """Both need new partitions: the recorder in the middle of the load, the load in its second half."""
    rows_of_file = 25_000  # more than the load writes at a time; three weeks of minutes
    minutes = np.arange(rows_of_file, dtype=np.int64) * examples.MINUTE_US
    table = SensorTable(
        source="history.csv",
        sensors=examples.SENSORS,
        assets=["a"] * rows_of_file,
        times_us=examples.MONDAY_US + minutes,
        values=np.ones((rows_of_file, 3), np.float32),
    )

    def record() -> None:
        with database.begin() as connection:
            readings.write(connection, stream_id, ["b"], examples.times(-1), examples.cells([1, 2, 3]))

    recorders: list[Future[None]] = []

    def half_way(done: float) -> None:
        if recorders:
            return
        recorders.append(pool.submit(record))
        if known:
            recorders[0].result(timeout=20)
        else:  # a stream that is not yet committed holds up new partitions, and must not wait for them
            wait_until_blocked(database)

    with ThreadPoolExecutor() as pool:
        result = load(database, table, examples.TOPIC if known else "new.sensors", progress=half_way)
        recorders[0].result(timeout=20)
    assert (result.rows, result.assets, result.created_stream) == (rows_of_file, 1, not known)


def test_a_load_is_whole_or_not_at_all(database: Database) -> None:
    table = SensorTable(
        source="history.csv",
        sensors=("level",),
        assets=["a", "a", "b\x00"],  # no text that PostgreSQL could hold
        times_us=examples.times(0, 1, 1),
        values=examples.cells([1], [2], [3]),
    )
    with pytest.raises(BadData, match="refuses a value"):
        load(database, table, examples.TOPIC)
    with database.begin() as connection:
        assert streams.find(connection, examples.TOPIC) is None
        assert connection.execute(text("SELECT count(*) FROM reading")).scalar() == 0


def test_old_partitions_are_dropped_whole(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        for table in ("reading", "score"):
            partitions.ensure(connection, table, [MONDAY + timedelta(days=day) for day in range(3)])
        readings.write(
            connection, stream_id, ["a"] * 2, examples.times(0, 24 * 60), examples.cells([1, 2, 3], [1, 2, 3])
        )
        assert partitions.drop_before(connection, "reading", MONDAY) == []
        dropped = partitions.drop_before(connection, "reading", MONDAY + timedelta(days=1))
        assert dropped == ["reading_20260105"]
        assert partitions.list_all(connection, "reading") == ["reading_20260106", "reading_20260107"]
        assert len(partitions.list_all(connection, "score")) == 3
        assert readings.span(connection, stream_id) == (*[examples.MONDAY_US + examples.DAY_US] * 2, 1)
        with pytest.raises(ValueError, match="anomaly is not partitioned"):
            partitions.drop_before(connection, "anomaly", MONDAY)


def test_offsets_move_by_compare_and_swap(database: Database) -> None:
    with database.begin() as connection:
        progress.advance(connection, "record", examples.TOPIC, 0, None, 10)
        progress.advance(connection, "record", examples.TOPIC, 3, None, 5)
        progress.advance(connection, "sink", examples.TOPIC, 0, None, 2)
        progress.advance(connection, "record", examples.TOPIC, 0, 10, 20)
        assert progress.next_offsets(connection, "record", examples.TOPIC) == {0: 20, 3: 5}
        assert progress.next_offsets(connection, "record", "other.sensors") == {}


@pytest.mark.parametrize(("partition", "expected"), [(0, 9), (0, None), (1, 0)])
def test_a_conflict_takes_the_whole_transaction_back(
    database: Database, stream_id: int, partition: int, expected: int | None
) -> None:
    with database.begin() as connection:
        progress.advance(connection, "record", examples.TOPIC, 0, None, 10)

    def store() -> None:
        with database.begin() as connection:
            readings.write(connection, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))
            progress.advance(connection, "record", examples.TOPIC, partition, expected, 30)

    with pytest.raises(OffsetConflict, match=f"partition {partition} of {examples.TOPIC}"):
        store()
    with database.begin() as connection:
        assert progress.next_offsets(connection, "record", examples.TOPIC) == {0: 10}
        assert readings.span(connection, stream_id) is None


@pytest.mark.parametrize("begun", [True, False])
def test_of_two_that_move_one_offset_at_once_one_moves_it(database: Database, begun: bool) -> None:
    if begun:
        with database.begin() as connection:
            progress.advance(connection, "record", examples.TOPIC, 0, None, 10)
    expected = 10 if begun else None

    def advance() -> None:
        with database.begin() as connection:
            progress.advance(connection, "record", examples.TOPIC, 0, expected, 30)

    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            progress.advance(connection, "record", examples.TOPIC, 0, expected, 20)
            second = pool.submit(advance)
            wait_until_blocked(database)
        with pytest.raises(OffsetConflict):
            second.result()
    with database.begin() as connection:
        assert progress.next_offsets(connection, "record", examples.TOPIC) == {0: 20}


def test_model_versions_count_on_and_one_is_in_charge(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        other = examples.add_stream(connection, "other.sensors")
        assert [examples.save_model(connection, stream_id, bundle) for bundle in (b"one", b"two")] == [1, 2]
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
        assert (champion.bundle, champion.metrics) == (b"two", {"loss": 0.5})
        assert (champion.rows, champion.seed) == (1440, 7)
        assert to_us(champion.trained_until) - to_us(champion.trained_from) == examples.DAY_US
        assert models.champion_version(connection, other) is None


def test_what_to_do_without_a_champion(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        assert "run `tfstream train" in models.describe_missing_champion(
            connection, stream_id, examples.TOPIC
        )
        version = examples.save_model(connection, stream_id)
        models.reject(connection, stream_id, version, "too many alarms")
        said = models.describe_missing_champion(connection, stream_id, examples.TOPIC)
    assert f"no model version of {examples.TOPIC} is in charge: version 1 is rejected" in said
    assert f"`tfstream models promote 1 --topic {examples.TOPIC}`" in said


def test_models_that_are_not_there_and_bytes_that_were_changed(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        models.promote(connection, stream_id, examples.save_model(connection, stream_id))
    for use in (models.promote, models.load):
        with pytest.raises(BadData, match="no model version 7"), database.begin() as connection:
            use(connection, stream_id, 7)
    with database.begin() as connection:
        assert models.champion_version(connection, stream_id) == 1  # the failed promotion retired nobody
        connection.execute(text("UPDATE model SET bundle = set_byte(bundle, 2, 0)"))
    with pytest.raises(BadData, match="version 1 is damaged"), database.begin() as connection:
        models.champion(connection, stream_id)


def test_two_refits_that_end_at_the_same_time_get_versions_of_their_own(
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


def test_a_refit_does_not_hold_up_those_who_write_readings(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        partitions.ensure(connection, "reading", [MONDAY])
    with database.begin() as refit, database.begin() as recorder:
        examples.save_model(refit, stream_id)
        recorder.execute(text("SET LOCAL lock_timeout = '5s'"))
        readings.write(recorder, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))


def test_an_anomaly_is_what_its_newest_event_says(database: Database, stream_id: int) -> None:
    opened, updated = examples.event(), examples.event(event=EventType.UPDATED, sequence=2, score=8.0)
    tuesday = iso(examples.MONDAY_US + examples.DAY_US)
    closed = examples.event(event=EventType.CLOSED, sequence=3, score=8.0, ended_at=tuesday)
    with database.begin() as connection:
        anomalies.apply(connection, stream_id, [])
        anomalies.apply(connection, stream_id, [updated, opened])
        (first,) = anomalies.find(connection)
        assert (first.sequence, first.state, first.score, first.ended_at) == (2, "open", 8.0, None)
        connection.execute(text("UPDATE anomaly SET verdict = 'confirmed', note = 'pump 3'"))
        anomalies.apply(connection, stream_id, [opened])  # an older one, from a log that is read again
        anomalies.apply(connection, stream_id, [closed])
        anomalies.apply(
            connection, stream_id, [examples.event(event=EventType.UPDATED, sequence=3, score=1.0)]
        )
        (found,) = anomalies.find(connection)
    assert (found.sequence, found.state, found.score) == (3, "closed", 8.0)
    assert iso_of(found.ended_at) == closed.ended_at
    assert (found.verdict, found.note, found.first_seen_at) == ("confirmed", "pump 3", first.first_seen_at)


def test_an_anomaly_comes_back_whole(database: Database, stream_id: int) -> None:
    model = ModelReference(version=9, sha256="cd" * 32)
    event = examples.event(kind=EventKind.INSTRUMENT, extrapolated=True, model=model)
    with database.begin() as connection:
        anomalies.apply(connection, stream_id, [event])
        found = anomalies.get(connection, event.anomaly_id)
    assert (found.topic, found.asset, found.kind) == (examples.TOPIC, "line-1", "instrument")
    assert (iso_of(found.started_at), iso_of(found.peak_at)) == (event.started_at, event.peak_at)
    assert (found.score, found.threshold, found.expected_per_week) == (6.0, 4.0, 0.02)
    assert (found.model_version, found.model_sha256, found.extrapolated) == (9, "cd" * 32, True)
    assert found.source == {"partition": 2, "first_offset": 10, "last_offset": 90}
    assert [sensor["name"] for sensor in found.sensors] == ["flow", "level"]
    assert found.sensors[0] == msgspec.to_builtins(examples.share("flow", 0.7))
    assert found.sensors[0]["band"] == {
        "shortest_s": 120.0,
        "longest_s": 240.0,
        "actual": 0.75,
        "expected": 0.25,
    }


def test_anomalies_are_found_by_what_they_are(database: Database, stream_id: int) -> None:
    hours = [iso(examples.MONDAY_US + hour * examples.HOUR_US) for hour in range(4)]
    with database.begin() as connection:
        other = examples.add_stream(connection, "other.sensors")
        anomalies.apply(
            connection,
            stream_id,
            [
                examples.event(0, started_at=hours[0], event=EventType.CLOSED),
                examples.event(1, started_at=hours[1], asset="line-2"),
                examples.event(2, started_at=hours[2], kind=EventKind.SILENCE),
            ],
        )
        anomalies.apply(connection, other, [examples.event(3, started_at=hours[3])])
        since_us = examples.MONDAY_US + examples.HOUR_US
        assert [row.id.int for row in anomalies.find(connection)] == [3, 2, 1, 0]
        assert [row.id.int for row in anomalies.find(connection, topic=examples.TOPIC)] == [2, 1, 0]
        assert [row.id.int for row in anomalies.find(connection, asset="line-2")] == [1]
        assert [row.id.int for row in anomalies.find(connection, since_us=since_us)] == [3, 2, 1]
        assert [row.id.int for row in anomalies.find(connection, open_only=True)] == [3, 2, 1]
        assert [row.id.int for row in anomalies.find(connection, kind=EventKind.SILENCE)] == [2]
        assert [row.id.int for row in anomalies.find(connection, limit=2)] == [3, 2]
        assert anomalies.find(connection, topic=examples.TOPIC, asset="line-2", open_only=True, limit=1)
        assert anomalies.find(connection, topic="nowhere") == []


def test_an_anomaly_is_named_by_the_beginning_of_its_id(database: Database, stream_id: int) -> None:
    one, two = uuid.UUID(f"abcdef00{'0' * 24}"), uuid.UUID(f"abc00000{'0' * 24}")
    with database.begin() as connection:
        anomalies.apply(connection, stream_id, [examples.event(one.int), examples.event(two.int)])
        for named in ("abcd", "ABCDEF00-0", str(one)):
            assert anomalies.get(connection, named).id == one
        for named, reason in {
            "abc": "several anomalies begin",
            "f": "no anomaly begins",
            "%": "is not an anomaly id",
            "": "is not an anomaly id",
            "abcdef_0": "is not an anomaly id",
            "line-1": "is not an anomaly id",
        }.items():
            with pytest.raises(BadData, match=reason):
                anomalies.get(connection, named)


def test_scores_written_again_are_those_of_the_later_log(database: Database, stream_id: int) -> None:
    first = [examples.score(examples.MONDAY_US + hour * examples.HOUR_US, score=hour) for hour in (0, 1, 25)]
    again = examples.score(examples.MONDAY_US, score=9.0, threshold=5.0, model_version=4, masked=("flow",))
    other = examples.score(examples.MONDAY_US, asset="line-2", score=7.0)
    with database.begin() as connection:
        scores.write(connection, stream_id, first)
        scores.write(connection, stream_id, first)
        scores.write(connection, stream_id, [examples.score(examples.MONDAY_US, score=8.0), again, other])
        hours = [examples.MONDAY_US, examples.MONDAY_US + examples.HOUR_US]
        found = scores.read(connection, stream_id, "line-1", hours[0], hours[1])
        assert found == [(hours[0], 9.0, 5.0), (hours[1], 1.0, 4.0)]
        stored = connection.execute(text("SELECT count(*), max(model_version), max(masked) FROM score")).one()
        assert tuple(stored) == (4, 4, ["flow"])
        assert partitions.list_all(connection, "score") == ["score_20260105", "score_20260106"]


def test_more_scores_than_one_statement_takes(database: Database, stream_id: int) -> None:
    times_us = examples.MONDAY_US + np.arange(4500) * 1_000_000
    with database.begin() as connection:
        scores.write(connection, stream_id, [examples.score(int(time_us)) for time_us in times_us])
        found = scores.read(connection, stream_id, "line-1", int(times_us[0]), int(times_us[-1]))
    assert [point.time_us for point in found] == times_us.tolist()


def test_a_stream_is_defined_once_found_and_changed(database: Database) -> None:
    first = examples.definition(
        "wasser-ä",
        ["T101 [°C]", "P101 [m3/h]"],
        layout=Layout.LONG,
        encoding=Encoding.MSGPACK,
        time_field="zeit",
        time_unit=TimeUnit.RECORD,
        lateness_us=5,
        alarm_budget_per_week=0.25,
    )
    with database.begin() as connection:
        assert streams.find(connection, first.topic) is None
        made = streams.add(connection, first)
        assert streams.get(connection, first.topic) == streams.find(connection, first.topic) == made
        assert made.definition == first
        with pytest.raises(ConfigurationError, match="stream wasser-ä is defined already"):
            streams.add(connection, examples.definition(first.topic))
        changed = first.with_sensors((*first.sensors, "new"))
        streams.update(connection, changed)
        assert streams.get(connection, first.topic) == (made.id, changed)
        examples.add_stream(connection, "a.sensors")
        assert [one.definition.topic for one in streams.list_all(connection)] == ["a.sensors", "wasser-ä"]
        with pytest.raises(ConfigurationError, match="stream x is not defined; run `tfstream streams add x`"):
            streams.get(connection, "x")
        with pytest.raises(ConfigurationError, match="stream x is not defined"):
            streams.update(connection, examples.definition("x"))


def test_two_who_define_a_stream_at_once_are_told_so(database: Database) -> None:
    def add() -> int:
        with database.begin() as connection:
            return examples.add_stream(connection)

    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            examples.add_stream(connection)
            second = pool.submit(add)
            wait_until_blocked(database)
        with pytest.raises(ConfigurationError, match="is defined already"):
            second.result()


def same_bits(found: Values, expected: Values) -> None:
    """The same float32, negative zeros and missing cells included."""
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[known]), np.signbit(expected[known]))


def iso_of(moment: datetime | None) -> str | None:
    return None if moment is None else iso(to_us(moment))


def made_for(database: Database, table: str, days: list[date]) -> list[date]:
    with database.begin() as connection:
        return partitions.ensure(connection, table, days)
