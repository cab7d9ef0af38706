"""Alarms of a slow stream, whose witnesses speak between two hops: explained and raised by a backtest."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.integration.support.commands import Tfstream
from tests.integration.support.plants import Plant, write_plant

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

TOPIC = f"test.slow.{uuid.uuid4().hex[:12]}"  # another test process may share the broker
ASSET = "slow"  # the file's name
HOP_S, ROW_S = 480, 60
SPAN = ("--from", "2026-01-07", "--to", "2026-01-08")
FAULT_BEGINS = [f"2026-01-07T08:{minute}:00Z" for minute in range(19, 23)]
_WORDS = {"errors": " does not follow from the rows before: ", "levels": "; the other sensors say "}
_PROCESS = ("process", "instrument")


@pytest.fixture(scope="module")
def scored(plant: Plant, tmp_path_factory: pytest.TempPathFactory) -> Tfstream:
    """A stream of a row a minute, trained on 1600 rows; a scorer has scored the fault that follows."""
    tfstream, folder = plant.tfstream, tmp_path_factory.mktemp("slow")
    normal = write_plant(folder / "normal.csv", rows=1600, interval_s=ROW_S)
    (folder / "later").mkdir()
    start = "2026-01-07T00:00:00Z"
    # within the sensor's range: otherwise the instrument alone has an alarm
    path, shift = folder / "later" / "slow.csv", 1.0
    faulty = write_plant(path, rows=720, start=start, faulty=True, interval_s=ROW_S, shift=shift)
    tfstream.run("load", normal, "--topic", TOPIC)
    tfstream.run("train", "--topic", TOPIC, "--no-gate")
    tfstream.run("replay", faulty, "--topic", TOPIC)
    tfstream.run("load", faulty, "--topic", TOPIC)
    tfstream.run("score", "--topic", TOPIC, "--until-end")
    return tfstream


@pytest.fixture(scope="module")
def alarms(scored: Tfstream) -> list[dict[str, Any]]:
    """The alarms of the scorer, without silences."""
    listed = json.loads(scored.run("anomalies", "list", "--topic", TOPIC, "--json").stdout)
    return [alarm for alarm in listed if alarm["kind"] in _PROCESS]


def test_the_peak_of_a_witness_is_recomputed_digit_by_digit(
    scored: Tfstream, alarms: list[dict[str, Any]]
) -> None:
    of_witnesses = [alarm for alarm in alarms if alarm["witness"] != "score"]
    assert any(_seconds(alarm["peak_at"]) % HOP_S for alarm in of_witnesses), alarms
    for alarm in of_witnesses:
        output = scored.run("anomalies", "explain", alarm["id"], "--json").stdout
        explanation = json.loads(output)
        assert explanation["exact"] is True
        names = ("score", "threshold", "expected_per_week", "witness", "scale_s")
        assert [explanation[name] for name in names] == [alarm[name] for name in names]
        assert explanation["reason"] in explanation["findings"]
        assert _WORDS[alarm["witness"]] in explanation["reason"]
        assert alarm["reason"].startswith(alarm["sensors"][0]["name"])
        assert explanation["until"] == alarm["peak_at"]
        assert explanation["budget_per_week"] == 1.0
        length = _seconds(explanation["until"]) - _seconds(explanation["since"])
        assert length == (ROW_S if _seconds(alarm["peak_at"]) % HOP_S else HOP_S)
        assert explanation["replay"]["same_scores"] == explanation["replay"]["stored_scores"] > 50


def test_the_explanation_names_the_witness_and_its_sensor(
    scored: Tfstream, alarms: list[dict[str, Any]]
) -> None:
    of_fault = [
        alarm for alarm in alarms if alarm["witness"] != "score" and alarm["started_at"] in FAULT_BEGINS
    ]
    assert of_fault, alarms
    output = scored.run("anomalies", "explain", of_fault[0]["id"]).stdout
    assert f"witness: {of_fault[0]['witness']} (" in output
    assert "level" in output
    explanation = json.loads(scored.run("anomalies", "explain", of_fault[0]["id"], "--json").stdout)
    assert explanation["sensors"][0]["name"] == "level"


def test_the_sensors_of_a_witness_show_actual_and_expected_values(
    scored: Tfstream, alarms: list[dict[str, Any]]
) -> None:
    """A row between two hops has no score, and therefore no level of the score."""
    departed = [alarm for alarm in alarms if alarm["witness"] in ("errors", "levels")]
    assert departed, alarms
    for alarm in departed:
        explanation = json.loads(scored.run("anomalies", "explain", alarm["id"], "--json").stdout)
        sensor = explanation["sensors"][0]
        assert sensor["actual"] != pytest.approx(sensor["expected"], abs=0.05)
        between_hops = _seconds(alarm["peak_at"]) % HOP_S != 0
        assert (explanation["level"] is None) == between_hops


def test_a_threshold_of_another_budget_gives_that_budget(
    scored: Tfstream, alarms: list[dict[str, Any]]
) -> None:
    of_witness = next(alarm for alarm in alarms if alarm["witness"] in ("errors", "levels"))
    scored.run("streams", "set", TOPIC, "--alarm-budget", "10/week")
    try:
        explained = scored.run("anomalies", "explain", of_witness["id"], "--json").stdout
    finally:
        scored.run("streams", "set", TOPIC, "--alarm-budget", "1/week")
    assert json.loads(explained)["budget_per_week"] == pytest.approx(1.0, rel=1e-4)


def test_a_backtest_raises_the_same_alarms(scored: Tfstream, alarms: list[dict[str, Any]]) -> None:
    result = json.loads(scored.run("backtest", "--topic", TOPIC, *SPAN, "--json").stdout)
    names = ("kind", "witness", "scale_s", "started_at", "ended_at", "expected_per_week", "score")
    of_asset = [alarm for alarm in result["alarms"] if alarm["asset"] == ASSET]
    raised = sorted(tuple(str(alarm[name]) for name in names) for alarm in of_asset)
    assert raised == sorted(tuple(str(alarm[name]) for name in names) for alarm in alarms)


def _seconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp())
