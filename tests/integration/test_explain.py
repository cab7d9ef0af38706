"""Why there was an alarm, and why none: computed again from what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from tests.integration.commands import Tfstream
from tests.integration.plants import Plant, write_plant
from tests.integration.stream_copy import copy_stream

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

TOPIC = "test.explained"
ASSET = "faulty"  # the file's name
FAULT_BEGINS = "2026-01-06T00:08:20"
Explain = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def scored(plant: Plant, template_stream: str, tmp_path_factory: pytest.TempPathFactory) -> Tfstream:
    """The faulty file and one with holes, scored by the real scorer and stored."""
    tfstream = plant.tfstream
    copy_stream(tfstream.database_url, template_stream, TOPIC)
    holes = with_holes(tmp_path_factory.mktemp("holes") / "holes.csv")
    for file in (plant.faulty, holes):
        tfstream.run("replay", file, "--topic", TOPIC)
        tfstream.run("load", file, "--topic", TOPIC)
    tfstream.run("score", "--topic", TOPIC, "--until-end")
    return tfstream


def with_holes(path: Path) -> Path:
    """No reading in rows 200 to 259 and 300 to 399; no flow in rows 500 to 559."""
    frame = pd.read_csv(write_plant(path, rows=700, start="2026-01-06T00:00:00Z"))
    frame.loc[500:559, "flow"] = float("nan")
    frame = frame.drop(index=[*range(200, 260), *range(300, 400)])
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def moment(scored: Tfstream) -> Explain:
    """What is said of an asset and a moment."""

    def explain(asset: str, at: str, *more: str) -> dict[str, Any]:
        of = ("--topic", TOPIC, "--asset", asset, "--at", at)
        found: dict[str, Any] = json.loads(scored.run("anomalies", "explain", *of, *more, "--json").stdout)
        return found

    return explain


@pytest.fixture
def alarm(scored: Tfstream) -> dict[str, Any]:
    """The alarm of the faulty file."""
    listed = json.loads(scored.run("anomalies", "list", "--topic", TOPIC, "--asset", ASSET, "--json").stdout)
    found: dict[str, Any] = next(one for one in listed if one["started_at"] <= FAULT_BEGINS + "Z")
    return found


def test_an_alarm_is_computed_again_digit_by_digit(
    scored: Tfstream, alarm: dict[str, Any], tmp_path: Path
) -> None:
    drawn = tmp_path / "alarm.html"
    done = scored.run("anomalies", "explain", alarm["id"][:13], "--json", "--plot", drawn)
    found = json.loads(done.stdout)
    assert found["exact"] is True
    assert (found["score"], found["threshold"]) == (alarm["score"], alarm["threshold"])
    replay = found["replay"]
    assert replay["since_takeover"] is True
    assert replay["same_scores"] == replay["stored_scores"] > 50
    assert found["sensors"][0]["name"] == "level"
    level = found["level"]
    assert sum(term["adds"] for term in found["terms"]) == pytest.approx(level["raw"])
    assert (level["raw"] - level["usual"]) / level["spread"] == pytest.approx(found["score"], rel=1e-5)
    verdicts = [hop["verdict"] for hop in found["hops"]]
    assert "over the threshold: an alarm is raised" in verdicts
    page = drawn.read_text()
    assert "<svg" in page
    assert "level" in page
    told = scored.run("anomalies", "explain", alarm["id"]).stdout
    assert f"score {alarm['score']:g} against a threshold of {alarm['threshold']:g}" in told
    assert ", equal to the stored score" in told
    assert f"{replay['same_scores']} of {replay['stored_scores']} stored scores are the same" in told


def test_every_stored_score_of_an_asset_with_holes_is_computed_again(moment: Explain) -> None:
    replay = moment("holes", "2026-01-06T00:11:30")["replay"]
    assert replay["same_scores"] == replay["stored_scores"] > 30
    assert replay["since_takeover"] is True


def test_a_moment_below_the_threshold(moment: Explain) -> None:
    found = moment(ASSET, "2026-01-06T00:05:00")
    assert found["exact"] is True
    assert found["score"] < found["threshold"]
    assert found["findings"][0] == "below the threshold"
    assert "the raw score of" in found["findings"][1]
    assert (found["since"], found["until"]) == ("2026-01-06T00:04:56Z", "2026-01-06T00:05:04Z")


def test_a_moment_within_an_alarm(moment: Explain, alarm: dict[str, Any]) -> None:
    found = moment(ASSET, "2026-01-06T00:09:00")
    assert "the episode goes on" in found["findings"][0]
    assert any(alarm["id"] in finding for finding in found["findings"])


@pytest.mark.parametrize(
    ("asset", "at", "said"),
    [
        ("holes", "2026-01-06T00:00:30", "the window was not full yet: it needs 64 rows in a row"),
        ("holes", "2026-01-06T00:06:00", "holes sent nothing: its last reading before the hop is from"),
        ("holes", "2026-01-06T00:03:50", "not scored: no reading from any sensor the model was trained on"),
        ("holes", "2026-01-06T00:09:00", "no reading in this hop, and so left out of its score: flow"),
        ("holes", "2026-01-06T00:07:00", "the window was not full yet"),
        (ASSET, "2026-01-07T00:00:00", "faulty sent nothing: its last reading before the hop is from"),
    ],
)
def test_what_was_missing_to_an_alarm(moment: Explain, asset: str, at: str, said: str) -> None:
    findings = moment(asset, at)["findings"]
    assert any(finding.startswith(said) for finding in findings), findings


def test_a_silence_is_explained_by_what_was_missing(scored: Tfstream) -> None:
    of = ("anomalies", "list", "--topic", TOPIC, "--asset", "holes", "--kind", "silence", "--json")
    (silence,) = json.loads(scored.run(*of).stdout)
    assert [one["name"] for one in silence["sensors"]] == ["flow"]
    found = json.loads(scored.run("anomalies", "explain", silence["id"], "--json").stdout)
    assert "no reading in this hop, and so left out of its score: flow" in found["findings"]
    assert any(silence["id"] in finding for finding in found["findings"])
    assert found["masked"] == ["flow"]


def test_a_longer_minimum_duration_and_another_budget(scored: Tfstream, moment: Explain) -> None:
    """The definition was changed since: the threshold of the time counts, and the alarm would now wait."""
    before = moment(ASSET, "2026-01-06T00:05:00")
    scored.run("streams", "set", TOPIC, "--min-duration", "1m", "--alarm-budget", "10/week")
    try:
        after = moment(ASSET, "2026-01-06T00:05:00")
        assert after["threshold"] == pytest.approx(before["threshold"], rel=1e-5)
        assert after["budget_per_week"] == pytest.approx(before["budget_per_week"], rel=1e-4)
        pending = moment(ASSET, "2026-01-06T00:08:45")["findings"][0]
        assert pending.startswith("over the threshold for ")
        assert pending.endswith("; an alarm needs 1 min")
    finally:
        scored.run("streams", "set", TOPIC, "--min-duration", "0s", "--alarm-budget", "1/week")


def test_an_exclusion_that_hides(scored: Tfstream, moment: Explain) -> None:
    span = ("--from", "2026-01-06T00:00", "--to", "2026-01-06T01:00")
    scored.run("exclusions", "add", "--topic", TOPIC, "--asset", "fault*", *span, "--reason", "valve test")
    with_it = moment(ASSET, "2026-01-06T00:05:00")["findings"]
    assert any("hides alarms at that time: valve test" in finding for finding in with_it)
    assert not any("hides" in one for one in moment("holes", "2026-01-06T00:05:00")["findings"])


def test_bad_questions(scored: Tfstream, alarm: dict[str, Any]) -> None:
    of = ("anomalies", "explain", "--topic", TOPIC)
    refused = scored.run(*of, "--asset", ASSET, exit_code=2)
    assert "give either the id of an anomaly, or --topic, --asset and --at" in refused.stderr
    nowhere = scored.run("anomalies", "explain", alarm["id"], "--plot", "/no/such/folder/a.html", exit_code=5)
    assert "/no/such/folder/a.html cannot be written: No such file" in nowhere.stderr
    nobody = scored.run(*of, "--asset", "nobody", "--at", "2026-01-06T00:05", exit_code=5)
    assert "no reading of nobody is stored" in nobody.stderr
    early = scored.run(*of, "--asset", ASSET, "--at", "2026-01-01", exit_code=5)
    assert "are not stored, or not any more: the oldest reading is from 2026-01-06T00:00:00Z" in early.stderr


def test_a_reading_that_is_missing_is_told(scored: Tfstream, alarm: dict[str, Any]) -> None:
    """The scorer saw it, nobody stored it: the difference is said, not hidden."""
    with psycopg.connect(scored.database_url) as connection:
        connection.execute(
            "DELETE FROM reading WHERE asset = %s AND stream_id = (SELECT id FROM stream WHERE topic = %s)"
            " AND ts BETWEEN '2026-01-06 00:08:10Z' AND '2026-01-06 00:08:12Z'",
            (ASSET, TOPIC),
        )
    found = json.loads(scored.run("anomalies", "explain", alarm["id"], "--json").stdout)
    assert found["exact"] is False
    assert found["replay"]["same_scores"] < found["replay"]["stored_scores"]
    assert found["replay"]["first_difference"] == "2026-01-06T00:08:16Z"
    assert any(finding.startswith("computed again, the score is ") for finding in found["findings"])
    with psycopg.connect(scored.database_url) as connection:
        connection.execute(
            "DELETE FROM reading WHERE asset = %s"
            " AND stream_id = (SELECT id FROM stream WHERE topic = %s) AND ts < '2026-01-06 00:08:30Z'",
            (ASSET, TOPIC),
        )
    gone = scored.run("anomalies", "explain", alarm["id"], exit_code=5)
    assert "not any more" in gone.stderr
