"""Alarm budgets: as people write them, and each asset held to its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfstream.app.scoring.champion import Champion
from tfstream.app.scoring.episode_tracker import AssetEvent, EpisodeTracker
from tfstream.cli.parse import parse_alarm_budget, parse_asset_budgets
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.reading import Reading, Series
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import PartitionTracks
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
    tracker = EpisodeTracker(definition, Champion(detector, 1, "0" * 64))
    tracks = PartitionTracks(definition, detector.shape)
    memories: dict[str, AssetMemory | None] = {}
    judgements: dict[str, list[Judgement]] = {"usual": [], "strict": []}
    for row in rows[:80].tolist():
        for number, asset in enumerate(("usual", "strict")):
            events = tracks.push(Reading(asset, row * 1_000_000, values[row].copy()), 2 * row + number)
            batch = [AssetEvent(0, memories.get(asset), event) for event in events]
            for update in tracker.process_batch(batch):
                memories[asset] = update.memory
                assert update.window is not None
                assert update.window.judgement is not None
                judgements[asset].append(update.window.judgement)
    scores = {asset: [judgement.value for judgement in judgements[asset]] for asset in judgements}
    assert scores["usual"] == scores["strict"]
    thresholds = {asset: [judgement.threshold for judgement in judgements[asset]] for asset in judgements}
    usual, strict = detector.calibration.threshold(1.0), detector.calibration.threshold(0.001)
    assert strict > usual
    assert thresholds["usual"] == pytest.approx([usual] * 3, abs=1e-4)
    assert thresholds["strict"] == pytest.approx([strict] * 3, abs=1e-4)
