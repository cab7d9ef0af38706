"""From a person's word on the command line to what the next refit learns from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from tests.conftest import temporary_database
from tests.integration import examples
from tests.integration.commands import Tfstream
from tests.integration.plants import SENSORS, write_plant
from tfstream.app.training import training_data
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.memory_limit import memory_limit
from tfstream.core.messages.anomaly_event import EventKind, EventType
from tfstream.embedded.process import free_port
from tfstream.storage import anomalies, exclusions, readings, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

DAY = "2026-01-05T"


class JsonShell(Tfstream):
    """The command line, and what it prints for programs."""

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def shell(postgres_url: str, template: str) -> Iterator[JsonShell]:
    for url in temporary_database(postgres_url, template):
        yield JsonShell(url, f"127.0.0.1:{free_port()}", TFSTREAM_BY="anna")


@pytest.fixture
def database(shell: JsonShell) -> Iterator[Database]:
    with closing(Database(shell.database_url)) as found:
        yield found


def test_exclusions_from_the_command_line(shell: JsonShell, database: Database) -> None:
    topic = "excluded.sensors"
    with database.begin() as connection:
        stream_id = examples.add_stream(connection, topic, time_zone="Europe/Berlin")
        ended = {"event": EventType.CLOSED, "ended_at": f"{DAY}09:00:00Z", "topic": topic}
        anomalies.apply(connection, stream_id, [examples.event(0xA1 << 120, **ended)])
    when = ("--from", "2025-12-01T08:00", "--for", "3h", "--rrule", "FREQ=WEEKLY;BYDAY=MO", "--hide")
    said = shell.run("exclusions", "add", "--topic", topic, *when, "--reason", "new filter").stderr
    assert "2025-12-01 07:00:00 to 2025-12-01 10:00:00, 2025-12-08 07:00:00" in said
    assert "1 more stored anomaly is hidden" in said
    (listed,) = shell.json("exclusions", "list", "--topic", topic)
    assert (listed["hide"], listed["no_learn"], listed["created_by"]) == (True, False, "anna")
    assert shell.run("anomalies", "list", "--topic", topic).stderr == "no anomalies\n"
    assert "new filter" in shell.run("anomalies", "list", "--topic", topic, "--all").stdout
    assert "FREQ=WEEKLY;BYDAY=MO (Europe/Berlin)" in shell.run("exclusions", "list", "--topic", topic).stdout
    number = str(listed["id"])
    ended_now = shell.json("exclusions", "remove", number, "--from", "now")
    assert ended_now["removed_from"] > "2026"
    assert "removed from 2" in shell.run("exclusions", "list", "--topic", topic, "--all").stdout
    assert shell.json("anomalies", "list", "--topic", topic) == []  # what was hidden stays so
    shell.run("exclusions", "remove", number)
    assert len(shell.json("anomalies", "list", "--topic", topic)) == 1
    assert shell.run("exclusions", "list", "--topic", topic).stderr == "no exclusions\n"
    assert "removed  " in shell.run("exclusions", "list", "--topic", topic, "--all").stdout


def test_an_exclusion_of_no_sensor_says_so(shell: JsonShell, database: Database) -> None:
    topic = "misnamed.sensors"
    with database.begin() as connection:
        examples.add_stream(connection, topic)
    span = ("--topic", topic, "--from", "2025-12-01T08:00", "--for", "3h")
    said = shell.run("exclusions", "add", *span, "--sensor", "presure*", "--no-learn").stderr
    assert "hidden" not in said  # it hides nothing
    assert f"no sensor of {topic} matches 'presure*'" in said
    assert "no sensor" not in shell.run("exclusions", "add", *span, "--sensor", "*").stderr


@pytest.mark.parametrize(
    ("options", "exit_code", "why"),
    [
        (("--from", DAY + "08:00"), 2, "give either --to (the end) or --for (the duration)"),
        (("--from", "soon", "--for", "2h"), 2, "'soon' is not a time"),
        (("--from", DAY + "08:00", "--to", DAY + "07:00"), 2, "must end after it begins"),
        (("--from", "now", "--for", "2h", "--tz", "Europe/Atlantis"), 2, "is not known here"),
        (("--from", "now", "--for", "2h", "--rrule", "FREQ=SOMETIMES"), 2, "FREQ must be one of"),
    ],
)
def test_an_exclusion_that_makes_no_sense(
    shell: JsonShell, database: Database, topic: str, options: tuple[str, ...], exit_code: int, why: str
) -> None:
    with database.begin() as connection:
        examples.add_stream(connection, topic)
    done = shell.run("exclusions", "add", "--topic", topic, *options, exit_code=exit_code)
    assert why in done.stderr
    with database.begin() as connection:
        assert exclusions.list_all(connection, topic=topic) == []


def test_verdicts_from_the_command_line(shell: JsonShell, database: Database) -> None:
    topic = "judged.sensors"
    with database.begin() as connection:
        stream_id = examples.add_stream(connection, topic)
        raised = [examples.event(number << 120, topic=topic) for number in (0xB1, 0xB2, 0xB3)]
        anomalies.apply(connection, stream_id, raised)
    said = shell.run("anomalies", "label", "b1", "b2", "false-alarm", "--note", "test run").stderr
    assert said.count("line-1, 2026-01-05 08:00: false-alarm") == 2
    (third,) = shell.json("anomalies", "label", "b3", "new-normal", "--from", f"{DAY}07:30", "--by", "ben")
    assert (third["verdict"], third["verdict_by"]) == ("new-normal", "ben")
    assert third["verdict_from"].startswith(f"{DAY}07:30")
    shell.run("anomalies", "label", "b2", "--clear")
    found = {one["id"][:2]: one["verdict"] for one in shell.json("anomalies", "list", "--topic", topic)}
    assert found == {"b1": "false-alarm", "b2": None, "b3": "new-normal"}
    assert "false-alarm" in shell.run("anomalies", "list", "--topic", topic).stdout
    for words, exit_code, why in (
        (("b1", "fine"), 2, "'fine' is not a verdict"),
        (("confirmed",), 2, "give the id of the anomaly before 'confirmed'"),
        (("b1", "expected", "--from", "now"), 2, "use it only with new-normal"),
        (("b1", "b9", "confirmed"), 5, "no anomaly begins with 'b9'"),
    ):
        assert why in shell.run("anomalies", "label", *words, exit_code=exit_code).stderr
    unchanged = {one["id"][:2]: one["verdict"] for one in shell.json("anomalies", "list", "--topic", topic)}
    assert unchanged == found  # all of them or none


@pytest.fixture
def plant(shell: JsonShell, database: Database, topic: str, tmp_path: Path) -> StreamRecord:
    """900 readings of one asset, one a second."""
    shell.run("load", write_plant(tmp_path / "normal.csv", rows=900), "--topic", topic)
    with database.begin() as connection:
        return streams.get(connection, topic)


def learnt(database: Database, stream: StreamRecord) -> training_data.NormalData:
    with database.begin() as connection:
        return training_data.read(connection, stream, TrainingOptions(), lambda *_: None)


def test_the_newest_of_too_much_is_learnt_from(
    database: Database, plant: StreamRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "memory_limit", partial(memory_limit, most_cells=2048 * 4 // 4))
    found = learnt(database, plant)
    assert sum(len(one.values) for one in found.series) == 513  # ends included
    assert any("only the newest 512 rows" in note for note in found.left_out.notes)
    newest = max(int(one.times_us[-1]) for one in found.series)
    assert newest == examples.MONDAY_US + 899 * 1_000_000


def test_an_asset_that_ended_before_what_fits_into_memory(
    shell: JsonShell, database: Database, plant: StreamRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as connection:
        first = np.array([examples.MONDAY_US - examples.DAY_US])
        readings.write(connection, plant.id, ["retired"], first, examples.cells([1.0] * len(SENSORS)))
    monkeypatch.setattr(training_data, "memory_limit", partial(memory_limit, most_cells=2048 * 4 * 2))
    found = learnt(database, plant)
    assert {one.asset for one in found.series} == {"normal"}
    assert any(note.startswith("retired: ") for note in found.left_out.notes)


def test_an_alarm_at_the_edge_of_the_span_is_left_out_with_its_margin(
    shell: JsonShell, database: Database, plant: StreamRecord
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
    with database.begin() as connection:
        anomalies.apply(connection, plant.id, [before, after])
    shell.run("anomalies", "label", "f1", "f2", "confirmed")
    since, until = examples.MONDAY_US + 2 * minute, examples.MONDAY_US + 12 * minute
    with database.begin() as connection:
        options = TrainingOptions(since_us=since, until_us=until)
        (piece,) = training_data.read(connection, plant, options, lambda *_: None).series
    assert len(piece.times_us) == 601 - 54 - 55


def test_a_refit_learns_from_what_is_normal_and_says_how_much_that_is(
    shell: JsonShell, database: Database, plant: StreamRecord
) -> None:
    topic = plant.definition.topic
    kept_out = ("--from", f"{DAY}00:02:00", "--to", f"{DAY}00:03:00", "--no-learn")
    shell.run("exclusions", "add", "--topic", topic, *kept_out)
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
    with database.begin() as connection:
        anomalies.apply(connection, plant.id, [fault])
    found = learnt(database, plant)
    assert [len(one.values) for one in found.series] == [120 - 64, 900 - 180 - 64]
    assert np.isnan(found.series[1].values[:, SENSORS.index("flow")]).sum() == 10 + 2 * 64
    trained = shell.json("train", "--topic", topic)
    assert trained["left_out"] == {
        "exclusions": round(188 / 900, 4),
        "instrument faults": round(138 / 3600, 4),
    }
    assert trained["metrics"]["left_out"] == trained["left_out"]
    with database.begin() as connection:
        run = connection.execute(
            text("SELECT metrics -> 'left_out' FROM training_run WHERE stream_id = :id"), {"id": plant.id}
        ).scalar_one()
    assert run == trained["left_out"]
    shell.run("anomalies", "label", "c1", "expected")
    assert "instrument faults" not in learnt(database, plant).left_out.shares


def test_too_little_that_is_normal_is_refused_with_its_causes(
    shell: JsonShell, database: Database, plant: StreamRecord
) -> None:
    topic = plant.definition.topic
    still = examples.event(0xD1 << 120, topic=topic, asset="normal", started_at=f"{DAY}00:04:00Z")
    with database.begin() as connection:
        anomalies.apply(connection, plant.id, [still])
    refused = shell.run("train", "--topic", topic, exit_code=5).stderr
    assert "too little to learn from: the longest unbroken piece has 176 rows" in refused
    assert "left out of the stored readings: open anomalies 80%" in refused
    shell.run("anomalies", "label", "d1", "false-alarm")
    assert learnt(database, plant).left_out.shares == {}
    shell.run("exclusions", "add", "--topic", topic, "--from", f"{DAY}00:00", "--for", "1h")
    refused = shell.run("train", "--topic", topic, exit_code=5).stderr
    assert "left out of the stored readings: exclusions 100%" in refused


def test_a_level_that_is_accepted_is_learnt_at_once(
    shell: JsonShell, database: Database, plant: StreamRecord
) -> None:
    """A new normal that a tenth of the history knows: the model's location is the new level."""
    topic, width = plant.definition.topic, len(SENSORS)
    with database.begin() as connection:
        series = readings.read(connection, plant.id, "normal", None, None, width)
        series.values[800:] += 50.0
        readings.write(connection, plant.id, ["normal"] * 900, series.times_us, series.values)
        still = examples.event(0xE1 << 120, topic=topic, asset="normal", started_at=f"{DAY}00:13:20Z")
        anomalies.apply(connection, plant.id, [still])
    assert learnt(database, plant).left_out.shares == {"open anomalies": pytest.approx((100 + 64) / 900)}
    shell.run("anomalies", "label", "e1", "new-normal")
    found = learnt(database, plant)
    values = np.concatenate([one.values for one in found.series])
    assert len(values) == 900 - 64  # but the way to it
    assert np.abs(np.median(values, axis=0) - 50).max() < 1.0


def spoilt(path: Path, times: pd.DatetimeIndex) -> Path:
    """A constant sensor, one that never reports, and a fault in a twentieth of the rows."""
    rng = np.random.default_rng(0)
    second = np.arange(len(times))
    flow = np.sin(second / 17) + 0.1 * rng.normal(size=len(times))
    level = np.cos(second / 5) + 0.1 * rng.normal(size=len(times))
    level[len(times) // 2 : len(times) // 2 + len(times) // 20] += 15.0
    frame = pd.DataFrame({"ts": times.map(lambda one: one.isoformat()), "flow": flow, "level": level})
    frame["constant"], frame["dead"] = 7.0, np.nan
    frame.to_csv(path, index=False)
    return path


def test_a_history_full_of_trouble_is_learnt_from(
    shell: JsonShell, database: Database, topic: str, tmp_path: Path
) -> None:
    """Over the night when clocks are changed, with a sensor that came later, and unlabelled anomalies."""
    begin, sensors = pd.Timestamp("2026-03-29T01:55:00+01:00"), "flow,level,constant,dead"
    times = pd.date_range(begin, periods=600, freq="1s").tz_convert("Europe/Berlin")
    assert len({one.utcoffset() for one in times}) == 2
    shell.run("streams", "add", topic, "--sensors", sensors, "--interval", "1s")
    shell.run("load", spoilt(tmp_path / "pump.csv", times), "--topic", topic)
    shell.run("streams", "set", topic, "--sensors", f"{sensors},late")
    later = pd.date_range(times[-1] + pd.Timedelta("1s"), periods=200, freq="1s")
    frame = pd.read_csv(spoilt(tmp_path / "pump.csv", later)).assign(late=np.sin(np.arange(200) / 9))
    frame.to_csv(tmp_path / "pump.csv", index=False)
    shell.run("load", tmp_path / "pump.csv", "--topic", topic)
    with database.begin() as connection:
        (piece,) = learnt(database, streams.get(connection, topic)).series
    assert piece.values.shape == (800, 5)  # the clocks' change is no gap
    trained = shell.json("train", "--topic", topic)
    assert (trained["version"], trained["assets"]) == (1, 1)
    assert trained["left_out"]["gaps"] == pytest.approx((800 + 600) / 4000)


def test_two_hundred_rows_are_refused(shell: JsonShell, topic: str, tmp_path: Path) -> None:
    shell.run("load", write_plant(tmp_path / "normal.csv", rows=200), "--topic", topic)
    refused = shell.run("train", "--topic", topic, exit_code=5).stderr
    assert "the longest unbroken piece has 200 rows, and 288 are needed" in refused
    assert "left out" not in refused
