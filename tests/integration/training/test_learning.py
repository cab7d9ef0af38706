"""Exclusions, anomalies and verdicts decide which readings the next refit learns from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tests.integration.support.cli_shell import Shell
from tests.integration.support.plants import SENSORS, write_plant
from tfstream.app.training import training_data
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.memory_limit import memory_limit
from tfstream.core.messages.anomaly_event import EventKind, EventType
from tfstream.storage import anomalies, readings, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

DAY = "2026-01-05T"


@pytest.fixture
def plant(shell: Shell, shell_database: Database, topic: str, tmp_path: Path) -> StreamRecord:
    """900 readings of one asset, one reading per second."""
    shell.run("load", write_plant(tmp_path / "normal.csv", rows=900), "--topic", topic)
    with shell_database.begin() as connection:
        return streams.get(connection, topic)


def read_normal(shell_database: Database, stream: StreamRecord) -> training_data.NormalData:
    """The normal readings that a refit would train on."""
    with shell_database.begin() as connection:
        return training_data.read(connection, stream, TrainingOptions(), lambda *_: None)


def test_only_the_newest_rows_that_fit_into_memory_are_read(
    shell_database: Database, plant: StreamRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "memory_limit", partial(memory_limit, most_cells=2048 * 4 // 4))
    normal = read_normal(shell_database, plant)
    assert sum(len(series.values) for series in normal.series) == 513  # ends included
    assert any("only the newest 512 rows" in note for note in normal.left_out.notes)
    newest = max(int(series.times_us[-1]) for series in normal.series)
    assert newest == examples.MONDAY_US + 899 * 1_000_000


def test_an_asset_older_than_the_memory_limit_is_left_out(
    shell: Shell, shell_database: Database, plant: StreamRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shell_database.begin() as connection:
        old_times_us = np.array([examples.MONDAY_US - examples.DAY_US])
        readings.write(connection, plant.id, ["retired"], old_times_us, examples.cells([1.0] * len(SENSORS)))
    monkeypatch.setattr(training_data, "memory_limit", partial(memory_limit, most_cells=2048 * 4 * 2))
    normal = read_normal(shell_database, plant)
    assert {series.asset for series in normal.series} == {"normal"}
    assert any(note.startswith("retired: ") for note in normal.left_out.notes)


def test_alarms_around_the_span_are_left_out_with_their_margins(
    shell: Shell, shell_database: Database, plant: StreamRecord
) -> None:
    minute = examples.MINUTE_US
    before = examples.event(
        0xF1 << 120,
        topic=plant.definition.topic,
        asset="normal",
        event=EventType.CLOSED,
        started_at=f"{DAY}00:01:00Z",
        ended_at=f"{DAY}00:01:50Z",
    )
    after = examples.event(
        0xF2 << 120, topic=plant.definition.topic, asset="normal", started_at=f"{DAY}00:12:10Z"
    )
    with shell_database.begin() as connection:
        anomalies.apply(connection, plant.id, [before, after])
    shell.run("anomalies", "label", "f1", "f2", "confirmed")
    since, until = examples.MONDAY_US + 2 * minute, examples.MONDAY_US + 12 * minute
    with shell_database.begin() as connection:
        options = TrainingOptions(since_us=since, until_us=until)
        (series,) = training_data.read(connection, plant, options, lambda *_: None).series
    assert len(series.times_us) == 601 - 54 - 55


def test_a_refit_leaves_out_abnormal_readings_and_reports_their_shares(
    shell: Shell, shell_database: Database, plant: StreamRecord
) -> None:
    topic = plant.definition.topic
    no_learn = ("--from", f"{DAY}00:02:00", "--to", f"{DAY}00:03:00", "--no-learn")
    shell.run("exclusions", "add", "--topic", topic, *no_learn)
    fault = examples.event(
        0xC1 << 120,
        topic=topic,
        asset="normal",
        event=EventType.CLOSED,
        kind=EventKind.INSTRUMENT,
        started_at=f"{DAY}00:08:20Z",
        ended_at=f"{DAY}00:08:30Z",
        sensors=(examples.share("flow", 0.95),),
    )
    with shell_database.begin() as connection:
        anomalies.apply(connection, plant.id, [fault])
    normal = read_normal(shell_database, plant)
    assert [len(series.values) for series in normal.series] == [120 - 64, 900 - 180 - 64]
    assert np.isnan(normal.series[1].values[:, SENSORS.index("flow")]).sum() == 10 + 2 * 64
    trained = shell.json("train", "--topic", topic)
    assert trained["left_out"] == {
        "exclusions": round(188 / 900, 4),
        "instrument faults": round(138 / 3600, 4),
    }
    assert trained["metrics"]["left_out"] == trained["left_out"]
    with shell_database.begin() as connection:
        run = connection.execute(
            text("SELECT metrics -> 'left_out' FROM training_run WHERE stream_id = :id"), {"id": plant.id}
        ).scalar_one()
    assert run == trained["left_out"]
    shell.run("anomalies", "label", "c1", "expected")
    assert "instrument faults" not in read_normal(shell_database, plant).left_out.shares


def test_too_few_normal_readings_are_refused_with_the_causes(
    shell: Shell, shell_database: Database, plant: StreamRecord
) -> None:
    topic = plant.definition.topic
    still_open = examples.event(0xD1 << 120, topic=topic, asset="normal", started_at=f"{DAY}00:04:00Z")
    with shell_database.begin() as connection:
        anomalies.apply(connection, plant.id, [still_open])
    refused = shell.run("train", "--topic", topic, exit_code=5).stderr
    assert "too little to learn from: the longest unbroken piece has 176 rows" in refused
    assert "left out of the stored readings: open anomalies 80%" in refused
    shell.run("anomalies", "label", "d1", "false-alarm")
    assert read_normal(shell_database, plant).left_out.shares == {}
    shell.run("exclusions", "add", "--topic", topic, "--from", f"{DAY}00:00", "--for", "1h")
    refused = shell.run("train", "--topic", topic, exit_code=5).stderr
    assert "left out of the stored readings: exclusions 100%" in refused


def test_an_accepted_level_is_learnt_by_the_next_refit(
    shell: Shell, shell_database: Database, plant: StreamRecord
) -> None:
    """A ninth of the history has the new level, and the model's location becomes that level."""
    topic, width = plant.definition.topic, len(SENSORS)
    with shell_database.begin() as connection:
        series = readings.read(connection, plant.id, "normal", None, None, width)
        series.values[800:] += 50.0
        readings.write(connection, plant.id, ["normal"] * 900, series.times_us, series.values)
        still_open = examples.event(0xE1 << 120, topic=topic, asset="normal", started_at=f"{DAY}00:13:20Z")
        anomalies.apply(connection, plant.id, [still_open])
    assert read_normal(shell_database, plant).left_out.shares == {
        "open anomalies": pytest.approx((100 + 64) / 900)
    }
    shell.run("anomalies", "label", "e1", "new-normal")
    normal = read_normal(shell_database, plant)
    values = np.concatenate([series.values for series in normal.series])
    assert len(values) == 900 - 64  # without the transition to the new level
    assert np.abs(np.median(values, axis=0) - 50).max() < 1.0


def write_trouble(path: Path, times: pd.DatetimeIndex) -> Path:
    """Write a constant sensor, a sensor without values, and a fault in a twentieth of the rows."""
    rng = np.random.default_rng(0)
    seconds = np.arange(len(times))
    flow = np.sin(seconds / 17) + 0.1 * rng.normal(size=len(times))
    level = np.cos(seconds / 5) + 0.1 * rng.normal(size=len(times))
    level[len(times) // 2 : len(times) // 2 + len(times) // 20] += 15.0
    frame = pd.DataFrame({"ts": times.map(lambda time: time.isoformat()), "flow": flow, "level": level})
    frame["constant"], frame["dead"] = 7.0, np.nan
    frame.to_csv(path, index=False)
    return path


def test_a_history_with_gaps_faults_and_a_clock_change_is_trained_on(
    shell: Shell, shell_database: Database, topic: str, tmp_path: Path
) -> None:
    """The clock changes in that night, a sensor is added later, and a fault has no label."""
    begin, sensors = pd.Timestamp("2026-03-29T01:55:00+01:00"), "flow,level,constant,dead"
    times = pd.date_range(begin, periods=600, freq="1s").tz_convert("Europe/Berlin")
    assert len({time.utcoffset() for time in times}) == 2
    shell.run("streams", "add", topic, "--sensors", sensors, "--interval", "1s")
    shell.run("load", write_trouble(tmp_path / "pump.csv", times), "--topic", topic)
    shell.run("streams", "set", topic, "--sensors", f"{sensors},late")
    later = pd.date_range(times[-1] + pd.Timedelta("1s"), periods=200, freq="1s")
    frame = pd.read_csv(write_trouble(tmp_path / "pump.csv", later)).assign(late=np.sin(np.arange(200) / 9))
    frame.to_csv(tmp_path / "pump.csv", index=False)
    shell.run("load", tmp_path / "pump.csv", "--topic", topic)
    with shell_database.begin() as connection:
        (series,) = read_normal(shell_database, streams.get(connection, topic)).series
    assert series.values.shape == (800, 5)  # the clock change makes no gap
    trained = shell.json("train", "--topic", topic)
    assert (trained["version"], trained["assets"]) == (1, 1)
    assert trained["left_out"]["gaps"] == pytest.approx((800 + 600) / 4000)


def test_fewer_rows_than_a_training_needs_are_refused(shell: Shell, topic: str, tmp_path: Path) -> None:
    shell.run("load", write_plant(tmp_path / "normal.csv", rows=200), "--topic", topic)
    refused = shell.run("train", "--topic", topic, exit_code=5).stderr
    assert "the longest unbroken piece has 200 rows, and 288 are needed" in refused
    assert "left out" not in refused
