"""Alarm budgets: as people write them, and each asset held to its own."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.episode_tracker import EpisodeTracker
from tfstream.app.scoring.score_batch import Champion
from tfstream.cli.parse import parse_alarm_budget, parse_asset_budgets
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.reading import Reading, Series
from tfstream.core.stream import StreamDefinition
from tfstream.errors import ConfigurationError, UsageError
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit

STREAM: Any = {"topic": "plant.sensors", "sensors": ("flow",), "interval_us": 1_000_000}


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1/week", 1.0), ("2", 2.0), ("0.5/day", 3.5), ("4/year", 4 * 7 / 365.25), (" 1 / week ", 1.0)],
)
def test_a_budget_is_a_number_of_false_alarms_in_a_span(text: str, rate: float) -> None:
    assert parse_alarm_budget(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "often", "1/fortnight", "0/week", "-1", "inf", "nan/day", "1/2/week"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an alarm budget"):
        parse_alarm_budget(text)


def test_an_asset_gets_a_budget_of_its_own_and_loses_it() -> None:
    given = parse_asset_budgets(["pump=7=1/month", "fan=2/week"], {})
    assert given == {"pump=7": pytest.approx(7 / (365.25 / 12)), "fan": 2.0}
    assert parse_asset_budgets(["fan="], given) == {"pump=7": given["pump=7"]}
    with pytest.raises(UsageError, match="not of the form"):
        parse_asset_budgets(["1/week"], {})


def test_a_definition_keeps_them() -> None:
    definition = StreamDefinition(**STREAM, asset_budgets={"pump-7": 0.25})
    again = StreamDefinition.from_json(definition.to_json())
    assert (again.budget_of("pump-7"), again.budget_of("any")) == (0.25, definition.alarm_budget_per_week)
    with pytest.raises(ConfigurationError, match="alarm budget"):
        StreamDefinition(**STREAM, asset_budgets={"pump-7": 0.0})


def test_each_asset_is_judged_by_its_own() -> None:
    """The same rows of two assets, the same scores, another threshold."""
    rows = np.arange(400)
    values = np.stack([np.sin(rows / 7), np.cos(rows / 5)], axis=1).astype(np.float32)
    values += 0.1 * np.random.default_rng(0).normal(size=values.shape).astype(np.float32)
    sensors = ("flow", "level")
    detector = fit(
        [Series("a", rows * 1_000_000, values)],
        sensors,
        1_000_000,
        DetectorConfig(steps=5),
        0,
        lambda stage, done: None,
    )
    definition = StreamDefinition(**(STREAM | {"sensors": sensors}), asset_budgets={"strict": 0.001})
    judge = EpisodeTracker(definition, Champion(detector, 1, "0" * 64))
    lane = AssignedPartition(0, definition, detector.shape, DeadLetterLimit())
    lane.begin(0, [])
    for row in rows[:80].tolist():
        for place, asset in enumerate(("usual", "strict")):
            found = lane.tracks.push(Reading(asset, row * 1_000_000, values[row].copy()), 2 * row + place)
            judge.take([(lane, one) for one in found])
    scores = [msgspec.json.decode(output.value or b"") for output in lane.outputs]
    by_asset = {name: [one for one in scores if one["asset"] == name] for name in ("usual", "strict")}
    assert [one["score"] for one in by_asset["usual"]] == [one["score"] for one in by_asset["strict"]]
    thresholds = {name: [one["threshold"] for one in found] for name, found in by_asset.items()}
    usual, strict = detector.calibration.threshold(1.0), detector.calibration.threshold(0.001)
    assert strict > usual
    assert thresholds["usual"] == pytest.approx([usual] * 3, abs=1e-4)
    assert thresholds["strict"] == pytest.approx([strict] * 3, abs=1e-4)
