"""Alarms of a backtest over stored history, compared with the alarms of a scorer."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.commands import Tfstream
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.stream_copy import copy_stream

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

TOPIC = f"test.backtested.{uuid.uuid4().hex[:12]}"  # another test process may share the broker
FAULTY, QUIET = 3000, 600  # rows: the alarm of the fault has ended before the last
SPAN = ("--from", "2026-01-06", "--to", "2026-01-07")
FAULT = "faulty,2026-01-06T00:08:20Z,2026-01-06T00:09:20Z"  # the fault in the file
NO_FAULT = "quiet,2026-01-06T00:03:00Z,2026-01-06T00:04:00Z"  # normal readings


@pytest.fixture(scope="module")
def scored(plant: Plant, template_stream: str, tmp_path_factory: pytest.TempPathFactory) -> Tfstream:
    """A faulty asset and a normal one, scored by the real scorer and stored."""
    tfstream = plant.tfstream
    copy_stream(tfstream.database_url, template_stream, TOPIC)
    folder, start = tmp_path_factory.mktemp("history"), "2026-01-06T00:00:00Z"
    faulty = write_plant(folder / "faulty.csv", rows=FAULTY, start=start, faulty=True)
    for file in (faulty, write_plant(folder / "quiet.csv", rows=QUIET, start=start)):
        tfstream.run("replay", file, "--topic", TOPIC)
        tfstream.run("load", file, "--topic", TOPIC)
    tfstream.run("score", "--topic", TOPIC, "--until-end")
    return tfstream


def backtest(tfstream: Tfstream, *options: str | Path) -> dict[str, Any]:
    done = tfstream.run("backtest", "--topic", TOPIC, *SPAN, *options, "--json")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def scorer_alarms(tfstream: Tfstream) -> list[dict[str, Any]]:
    listed = tfstream.run("anomalies", "list", "--topic", TOPIC, "--json").stdout
    return [alarm for alarm in json.loads(listed) if alarm["kind"] != "silence"]


def write_labels(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("asset,start,end", *lines)) + "\n", encoding="utf-8")
    return path


def test_a_backtest_raises_the_alarms_of_the_scorer(scored: Tfstream) -> None:
    """The same episodes, digit by digit: the model became champion where the span begins."""
    result = backtest(scored)
    names = ["asset", "kind", "witness", "reason", "started_at", "ended_at"]
    names += ["expected_per_week", "score", "threshold"]
    expected = sorted(tuple(alarm[name] for name in names) for alarm in scorer_alarms(scored))
    assert sorted(tuple(alarm[name] for name in names) for alarm in result["alarms"]) == expected
    assert any(ended is not None for *_, ended, _, _, _ in expected)  # an open alarm has no final score yet
    total = result["total"]
    assert (total["alarms"], total["false_alarms"]) == (len(expected), None)  # no alarm has a label
    assert total["weeks"] == pytest.approx(
        sum((rows - 64) // 8 + 1 for rows in (FAULTY, QUIET)) * 8 / 604_800
    )
    assert total["low"] < total["per_week"] < total["high"]
    assert {asset["asset"]: asset["budget"] for asset in result["assets"]} == {"faulty": 1.0, "quiet": 1.0}


def test_labelled_events_are_detected_or_missed(scored: Tfstream, tmp_path: Path) -> None:
    file = write_labels(tmp_path / "labels.csv", FAULT, NO_FAULT)
    result = backtest(scored, "--labels", file)
    first, second = result["events"]
    assert (first["asset"], second["asset"]) == ("faulty", "quiet")
    assert 0 < first["delay_s"] <= 16
    assert first["delay_s"] + first["warning_s"] == 60.0
    assert [second[name] for name in ("raised_at", "delay_s", "warning_s")] == [None] * 3
    total = result["total"]
    assert (total["events"], total["detected"]) == (2, 1)
    of_events = [alarm for alarm in result["alarms"] if alarm["event"] == "2026-01-06T00:08:20Z"]
    assert total["false_alarms"] == len(result["alarms"]) - len(of_events)
    output = scored.run("backtest", "--topic", TOPIC, *SPAN, "--labels", file).stdout
    assert f"1 of 2 events detected ({file})" in output
    assert "missed" in output
    assert "event of 2026-01-06T00:08:20Z" in output


def test_verdicts_are_labels_and_exclusions_hide(scored: Tfstream) -> None:
    fault = next(alarm for alarm in scorer_alarms(scored) if alarm["started_at"] >= "2026-01-06T00:08")
    scored.run("anomalies", "label", fault["id"], "confirmed")
    result = backtest(scored)
    assert result["events_from"] == "anomalies with the verdict confirmed"
    assert (result["total"]["events"], result["total"]["detected"]) == (1, 1)
    scored.run("anomalies", "label", fault["id"], "--clear")
    span = ("--from", "2026-01-06T00:00", "--to", "2026-01-06T00:30", "--hide", "--no-learn")
    scored.run("exclusions", "add", "--topic", TOPIC, "--asset", "faulty", *span)
    hidden = backtest(scored)
    of_faulty = [alarm for alarm in hidden["alarms"] if alarm["asset"] == "faulty"]
    assert of_faulty
    assert all(alarm["hidden"] for alarm in of_faulty)
    assert hidden["total"]["hidden"] == len(of_faulty)
    assert hidden["total"]["alarms"] == len(hidden["alarms"]) - len(of_faulty)


def test_a_larger_budget_raises_more_alarms(scored: Tfstream) -> None:
    few, many = (backtest(scored, "--alarm-budget", budget) for budget in ("1/year", "2000/day"))
    assert many["assets"][0]["budget"] == 14_000.0
    assert len(many["alarms"]) > len(few["alarms"])
    thresholds = [result["alarms"][-1]["threshold"] for result in (few, many)]
    assert thresholds[0] > thresholds[1]


def test_a_note_names_readings_that_the_model_was_trained_on(scored: Tfstream, plant: Plant) -> None:
    scored.run("load", plant.normal, "--topic", TOPIC)
    result = json.loads(
        scored.run(
            "backtest", "--topic", TOPIC, "--from", "2026-01-05", "--to", "2026-01-06", "--json"
        ).stdout
    )
    assert any(
        note.startswith("version 1 was trained on readings from 2026-01-05T00:00:00Z")
        for note in result["notes"]
    )


def test_invalid_requests_are_refused(scored: Tfstream, tmp_path: Path) -> None:
    command = ("backtest", "--topic", TOPIC)
    no_readings = scored.run(*command, "--from", "2020-01-01", "--to", "2020-01-02", exit_code=5)
    assert (
        "has no readings from 2020-01-01T00:00:00Z to 2020-01-02T00:00:00Z; the stored readings are from"
        in no_readings.stderr
    )
    assert (
        "after --from"
        in scored.run(*command, "--from", "2026-01-07", "--to", "2026-01-06", exit_code=2).stderr
    )
    assert "no model version 9" in scored.run(*command, *SPAN, "--model", "9", exit_code=5).stderr
    file = write_labels(tmp_path / "labels.csv", FAULT.replace("faulty", "nobody"))
    unknown_asset = scored.run(*command, *SPAN, "--labels", file, exit_code=5)
    assert "names assets without readings in the span: nobody" in unknown_asset.stderr
    scored.run("streams", "set", TOPIC, "--sensors", "flow,level,pressure,valve,speed")
    other_sensors = scored.run(*command, *SPAN, exit_code=3)
    assert "does not fit stream" in other_sensors.stderr
    assert "only the stream has speed" in other_sensors.stderr
