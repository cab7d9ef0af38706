"""Why there was an alarm, or none: `anomalies explain` recomputes the scores from the stored readings."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from tests.integration.support.commands import Tfstream
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.stream_copy import copy_stream
from tfstream.app.runtime.human_units import rate_text

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

TOPIC = f"test.explained.{uuid.uuid4().hex[:12]}"  # another test process may share the broker
ASSET = "faulty"  # the file's name
FAULT_BEGINS = "2026-01-06T00:08:20"
ExplainMoment = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def scored(plant: Plant, template_stream: str, tmp_path_factory: pytest.TempPathFactory) -> Tfstream:
    """The faulty file and a file with holes, stored and scored by a scorer."""
    tfstream = plant.tfstream
    copy_stream(tfstream.database_url, template_stream, TOPIC)
    holes = write_holes(tmp_path_factory.mktemp("holes") / "holes.csv")
    for file in (plant.faulty, holes):
        tfstream.run("replay", file, "--topic", TOPIC)
        tfstream.run("load", file, "--topic", TOPIC)
    tfstream.run("score", "--topic", TOPIC, "--until-end")
    return tfstream


def write_holes(path: Path) -> Path:
    """Write a file without rows 200 to 259 and 300 to 399, and without flow in rows 500 to 559."""
    frame = pd.read_csv(write_plant(path, rows=700, start="2026-01-06T00:00:00Z"))
    frame.loc[500:559, "flow"] = float("nan")
    frame = frame.drop(index=[*range(200, 260), *range(300, 400)])
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def explain_moment(scored: Tfstream) -> ExplainMoment:
    """Explains an asset at a time; returns the JSON output."""

    def explain(asset: str, at: str, *options: str) -> dict[str, Any]:
        moment = ("--topic", TOPIC, "--asset", asset, "--at", at)
        output = scored.run("anomalies", "explain", *moment, *options, "--json").stdout
        explanation: dict[str, Any] = json.loads(output)
        return explanation

    return explain


@pytest.fixture
def alarm(scored: Tfstream) -> dict[str, Any]:
    """The alarm of the faulty file."""
    listed = json.loads(scored.run("anomalies", "list", "--topic", TOPIC, "--asset", ASSET, "--json").stdout)
    first: dict[str, Any] = next(alarm for alarm in listed if alarm["started_at"] <= FAULT_BEGINS + "Z")
    return first


def test_an_alarm_is_recomputed_digit_by_digit(
    scored: Tfstream, alarm: dict[str, Any], tmp_path: Path
) -> None:
    page_path = tmp_path / "alarm.html"
    done = scored.run("anomalies", "explain", alarm["id"][:13], "--json", "--plot", page_path)
    explanation = json.loads(done.stdout)
    assert explanation["exact"] is True
    assert (explanation["score"], explanation["threshold"]) == (alarm["score"], alarm["threshold"])
    for name in ("witness", "scale_s", "expected_per_week"):
        assert explanation[name] == alarm[name]
    assert explanation["reason"].startswith("level ")  # of this hop; the alarm's is that of the whole episode
    assert alarm["reason"].startswith("level ")
    assert explanation["findings"][1] == explanation["reason"]
    replay = explanation["replay"]
    assert replay["since_takeover"] is True
    assert replay["same_scores"] == replay["stored_scores"] > 50
    assert explanation["sensors"][0]["name"] == "level"
    level = explanation["level"]
    assert sum(term["adds"] for term in explanation["terms"]) == pytest.approx(level["raw"])
    assert (level["raw"] - level["usual"]) / level["spread"] == pytest.approx(level["value"], rel=1e-5)
    verdicts = [hop["verdict"] for hop in explanation["hops"]]
    assert "over the threshold: an alarm is raised" in verdicts
    page = page_path.read_text()
    assert "<svg" in page
    assert "level" in page
    output = scored.run("anomalies", "explain", alarm["id"]).stdout
    assert f"score {alarm['score']:g} against a threshold of {alarm['threshold']:g}" in output
    assert ", equal to the stored score" in output
    often = f"normal data reach this score {rate_text(alarm['expected_per_week'])}"
    assert f"witness: {alarm['witness']} (" in output
    assert f"; {often}\n" in output
    assert f"{replay['same_scores']} of {replay['stored_scores']} stored scores are the same" in output


def test_every_stored_score_of_an_asset_with_holes_is_recomputed(explain_moment: ExplainMoment) -> None:
    replay = explain_moment("holes", "2026-01-06T00:11:30")["replay"]
    assert replay["same_scores"] == replay["stored_scores"] > 30
    assert replay["since_takeover"] is True


def test_a_time_below_the_threshold_is_explained(explain_moment: ExplainMoment) -> None:
    explanation = explain_moment(ASSET, "2026-01-06T00:05:00")
    assert explanation["exact"] is True
    assert explanation["score"] < explanation["threshold"]
    assert explanation["findings"][0] == "below the threshold"
    assert "the raw score of" in explanation["findings"][1]
    assert (explanation["since"], explanation["until"]) == ("2026-01-06T00:04:56Z", "2026-01-06T00:05:04Z")


def test_a_time_within_an_alarm_names_the_alarm(explain_moment: ExplainMoment, alarm: dict[str, Any]) -> None:
    explanation = explain_moment(ASSET, "2026-01-06T00:09:00")
    assert "the episode goes on" in explanation["findings"][0]
    assert any(alarm["id"] in finding for finding in explanation["findings"])


@pytest.mark.parametrize(
    ("asset", "at", "text"),
    [
        ("holes", "2026-01-06T00:00:30", "the window was not full yet: it needs 64 consecutive rows"),
        ("holes", "2026-01-06T00:06:00", "holes sent nothing: its last reading before the hop is from"),
        ("holes", "2026-01-06T00:03:50", "not scored: no reading from any sensor the model was trained on"),
        ("holes", "2026-01-06T00:09:00", "no reading in this hop, and so left out of the score: flow"),
        ("holes", "2026-01-06T00:07:00", "the window was not full yet"),
        (ASSET, "2026-01-07T00:00:00", "faulty sent nothing: its last reading before the hop is from"),
    ],
)
def test_a_hop_without_a_score_is_explained(
    explain_moment: ExplainMoment, asset: str, at: str, text: str
) -> None:
    findings = explain_moment(asset, at)["findings"]
    assert any(finding.startswith(text) for finding in findings), findings


def test_a_silence_is_explained_by_the_missing_readings(scored: Tfstream) -> None:
    command = ("anomalies", "list", "--topic", TOPIC, "--asset", "holes", "--kind", "silence", "--json")
    (silence,) = json.loads(scored.run(*command).stdout)
    assert [sensor["name"] for sensor in silence["sensors"]] == ["flow"]
    explanation = json.loads(scored.run("anomalies", "explain", silence["id"], "--json").stdout)
    assert "no reading in this hop, and so left out of the score: flow" in explanation["findings"]
    assert any(silence["id"] in finding for finding in explanation["findings"])
    assert explanation["masked"] == ["flow"]


def test_the_stored_threshold_and_the_present_minimum_duration_count(
    scored: Tfstream, explain_moment: ExplainMoment
) -> None:
    """After a change of the definition: the threshold of that time counts, and an alarm would start later."""
    before = explain_moment(ASSET, "2026-01-06T00:05:00")
    scored.run("streams", "set", TOPIC, "--min-duration", "1m", "--alarm-budget", "10/week")
    try:
        after = explain_moment(ASSET, "2026-01-06T00:05:00")
        assert after["threshold"] == pytest.approx(before["threshold"], rel=1e-5)
        assert after["budget_per_week"] == pytest.approx(before["budget_per_week"], rel=1e-4)
        pending = explain_moment(ASSET, "2026-01-06T00:08:45")["findings"][0]
        assert pending.startswith("over the threshold for ")
        assert pending.endswith("; an alarm needs 1 min")
    finally:
        scored.run("streams", "set", TOPIC, "--min-duration", "0s", "--alarm-budget", "1/week")


def test_a_hiding_exclusion_is_named(scored: Tfstream, explain_moment: ExplainMoment) -> None:
    span = ("--from", "2026-01-06T00:00", "--to", "2026-01-06T01:00")
    scored.run("exclusions", "add", "--topic", TOPIC, "--asset", "fault*", *span, "--reason", "valve test")
    findings = explain_moment(ASSET, "2026-01-06T00:05:00")["findings"]
    assert any("hides alarms at that time: valve test" in finding for finding in findings)
    assert not any(
        "hides" in finding for finding in explain_moment("holes", "2026-01-06T00:05:00")["findings"]
    )


def test_invalid_requests_are_refused(scored: Tfstream, alarm: dict[str, Any]) -> None:
    command = ("anomalies", "explain", "--topic", TOPIC)
    incomplete = scored.run(*command, "--asset", ASSET, exit_code=2)
    assert "give either the id of an anomaly, or --topic, --asset and --at" in incomplete.stderr
    no_folder = scored.run(
        "anomalies", "explain", alarm["id"], "--plot", "/no/such/folder/a.html", exit_code=5
    )
    assert "/no/such/folder/a.html cannot be written: No such file" in no_folder.stderr
    unknown_asset = scored.run(*command, "--asset", "nobody", "--at", "2026-01-06T00:05", exit_code=5)
    assert "no reading of nobody is stored" in unknown_asset.stderr
    too_early = scored.run(*command, "--asset", ASSET, "--at", "2026-01-01", exit_code=5)
    assert (
        "are not stored, or not any more: the oldest reading is from 2026-01-06T00:00:00Z" in too_early.stderr
    )


def test_missing_readings_are_reported(scored: Tfstream, alarm: dict[str, Any]) -> None:
    """The scorer read readings that are not stored: the explanation reports the difference."""
    peak = datetime.fromisoformat(alarm["peak_at"])
    with psycopg.connect(scored.database_url) as connection:
        connection.execute(
            "DELETE FROM reading WHERE asset = %s AND stream_id = (SELECT id FROM stream WHERE topic = %s)"
            " AND ts >= %s - interval '8 s' AND ts < %s - interval '1 s'",
            (ASSET, TOPIC, peak, peak),
        )
    explanation = json.loads(scored.run("anomalies", "explain", alarm["id"], "--json").stdout)
    assert explanation["exact"] is False
    assert explanation["replay"]["same_scores"] < explanation["replay"]["stored_scores"]
    assert explanation["replay"]["first_difference"] == alarm["peak_at"]
    assert any(finding.startswith("computed again, the score is ") for finding in explanation["findings"])
    with psycopg.connect(scored.database_url) as connection:
        connection.execute(
            "DELETE FROM reading WHERE asset = %s"
            " AND stream_id = (SELECT id FROM stream WHERE topic = %s) AND ts < '2026-01-06 00:08:30Z'",
            (ASSET, TOPIC),
        )
    deleted = scored.run("anomalies", "explain", alarm["id"], exit_code=5)
    assert "not any more" in deleted.stderr
