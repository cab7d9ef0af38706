"""What would have been raised over stored history, against what a scorer has raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.commands import Tfstream
from tests.integration.plants import Plant, write_plant
from tests.integration.stream_copy import copy_stream

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

TOPIC = "test.backtested"
FAULTY, QUIET = 1400, 600  # rows
SPAN = ("--from", "2026-01-06", "--to", "2026-01-07")
EVENT = "faulty,2026-01-06T00:08:20Z,2026-01-06T00:09:20Z"  # the fault of the file
MISSED = "quiet,2026-01-06T00:03:00Z,2026-01-06T00:04:00Z"  # nothing happens there


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


def backtest(tfstream: Tfstream, *more: str | Path) -> dict[str, Any]:
    done = tfstream.run("backtest", "--topic", TOPIC, *SPAN, *more, "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def raised(tfstream: Tfstream) -> list[dict[str, Any]]:
    listed = tfstream.run("anomalies", "list", "--topic", TOPIC, "--json").stdout
    return [one for one in json.loads(listed) if one["kind"] != "silence"]


def labels(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("asset,start,end", *lines)) + "\n", encoding="utf-8")
    return path


def test_it_raises_what_the_scorer_raised(scored: Tfstream) -> None:
    """The same episodes, digit by digit: the model took charge where the span begins."""
    found = backtest(scored)
    names = ("asset", "kind", "started_at", "ended_at", "score", "threshold")
    theirs = sorted(tuple(one[name] for name in names) for one in raised(scored))
    assert sorted(tuple(one[name] for name in names) for one in found["alarms"]) == theirs
    assert any(ended is not None for *_, ended, _, _ in theirs)  # an open one would tell its peak later
    total = found["total"]
    assert (total["alarms"], total["false_alarms"]) == (len(theirs), None)  # nobody has labelled anything
    assert total["weeks"] == pytest.approx(
        sum((rows - 64) // 8 + 1 for rows in (FAULTY, QUIET)) * 8 / 604_800
    )
    assert total["low"] < total["per_week"] < total["high"]
    assert {one["asset"]: one["budget"] for one in found["assets"]} == {"faulty": 1.0, "quiet": 1.0}


def test_labelled_events_are_found_or_missed(scored: Tfstream, tmp_path: Path) -> None:
    file = labels(tmp_path / "labels.csv", EVENT, MISSED)
    found = backtest(scored, "--labels", file)
    first, second = found["events"]
    assert (first["asset"], second["asset"]) == ("faulty", "quiet")
    assert 0 < first["delay_s"] <= 16
    assert first["delay_s"] + first["warning_s"] == 60.0
    assert [second[name] for name in ("raised_at", "delay_s", "warning_s")] == [None] * 3
    total = found["total"]
    assert (total["events"], total["detected"]) == (2, 1)
    of_events = [one for one in found["alarms"] if one["event"] == "2026-01-06T00:08:20Z"]
    assert total["false_alarms"] == len(found["alarms"]) - len(of_events)
    told = scored.run("backtest", "--topic", TOPIC, *SPAN, "--labels", file).stdout
    assert f"1 of 2 events detected ({file})" in told
    assert "missed" in told
    assert "event of 2026-01-06T00:08:20Z" in told


def test_verdicts_are_labels_and_exclusions_hide(scored: Tfstream) -> None:
    fault = next(one for one in raised(scored) if one["started_at"] >= "2026-01-06T00:08")
    scored.run("anomalies", "label", fault["id"], "confirmed")
    found = backtest(scored)
    assert found["events_from"] == "anomalies with the verdict confirmed"
    assert (found["total"]["events"], found["total"]["detected"]) == (1, 1)
    scored.run("anomalies", "label", fault["id"], "--clear")
    span = ("--from", "2026-01-06T00:00", "--to", "2026-01-06T00:30", "--hide", "--no-learn")
    scored.run("exclusions", "add", "--topic", TOPIC, "--asset", "faulty", *span)
    hidden = backtest(scored)
    of_faulty = [one for one in hidden["alarms"] if one["asset"] == "faulty"]
    assert of_faulty
    assert all(one["hidden"] for one in of_faulty)
    assert hidden["total"]["hidden"] == len(of_faulty)
    assert hidden["total"]["alarms"] == len(hidden["alarms"]) - len(of_faulty)


def test_another_budget_raises_more(scored: Tfstream) -> None:
    few, many = (backtest(scored, "--alarm-budget", budget) for budget in ("1/year", "2000/day"))
    assert many["assets"][0]["budget"] == 14_000.0
    assert len(many["alarms"]) > len(few["alarms"])
    thresholds = [found["alarms"][-1]["threshold"] for found in (few, many)]
    assert thresholds[0] > thresholds[1]


def test_what_the_model_has_learnt_from_is_said(scored: Tfstream, plant: Plant) -> None:
    scored.run("load", plant.normal, "--topic", TOPIC)
    found = json.loads(
        scored.run(
            "backtest", "--topic", TOPIC, "--from", "2026-01-05", "--to", "2026-01-06", "--json"
        ).stdout
    )
    assert any(
        note.startswith("version 1 was trained on readings from 2026-01-05T00:00:00Z")
        for note in found["notes"]
    )


def test_bad_questions(scored: Tfstream, tmp_path: Path) -> None:
    of = ("backtest", "--topic", TOPIC)
    early = scored.run(*of, "--from", "2020-01-01", "--to", "2020-01-02", exit_code=5)
    assert (
        "has no readings from 2020-01-01T00:00:00Z to 2020-01-02T00:00:00Z; the stored readings are from"
        in early.stderr
    )
    assert "after --from" in scored.run(*of, "--from", "2026-01-07", "--to", "2026-01-06", exit_code=2).stderr
    assert "no model version 9" in scored.run(*of, *SPAN, "--model", "9", exit_code=5).stderr
    file = labels(tmp_path / "labels.csv", EVENT.replace("faulty", "nobody"))
    refused = scored.run(*of, *SPAN, "--labels", file, exit_code=5)
    assert "names assets without readings in the span: nobody" in refused.stderr
    scored.run("streams", "set", TOPIC, "--sensors", "flow,level,pressure,valve,speed")
    misfit = scored.run(*of, *SPAN, exit_code=3)
    assert "does not fit stream" in misfit.stderr
    assert "only the stream has speed" in misfit.stderr
