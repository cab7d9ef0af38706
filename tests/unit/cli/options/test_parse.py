"""Texts of the command line: budgets, times and spans; and each asset with its own alarm budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfstream.app.detection.asset_update import AssetEvent
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.cli.options.parse import (
    now_us,
    of_option,
    parse_alarm_budget,
    parse_asset_budgets,
    parse_duration_us,
    parse_local_time_us,
    parse_moment_us,
    parse_span,
)
from tfstream.cli.options.stream_options import StreamOptions
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
def test_any_other_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an alarm budget"):
        parse_alarm_budget(text)


def test_an_asset_gets_a_budget_of_its_own_and_loses_it() -> None:
    given = parse_asset_budgets(["pump=7=1/month", "fan=2/week"], {})
    assert given == {"pump=7": pytest.approx(7 / (365.25 / 12)), "fan": 2.0}
    assert parse_asset_budgets(["fan="], given) == {"pump=7": given["pump=7"]}
    with pytest.raises(UsageError, match="not of the form"):
        parse_asset_budgets(["1/week"], {})


def test_a_local_time_is_in_the_zone_unless_it_names_an_offset() -> None:
    berlin = parse_local_time_us("2026-01-05T08:00", "Europe/Berlin")
    assert berlin == parse_local_time_us("2026-01-05T07:00Z", "Europe/Berlin")
    assert berlin == parse_moment_us("2026-01-05T07:00", 0)
    before = now_us()
    assert before <= parse_local_time_us("now", "UTC") <= now_us()
    assert before <= parse_local_time_us("2h", "UTC") + 7_200_000_000 <= now_us()
    with pytest.raises(UsageError, match="'soon' is not a time"):
        parse_local_time_us("soon", "UTC")


def test_a_span_has_an_end_or_a_duration() -> None:
    span = parse_span("2026-01-05T08:00", "2026-01-05T10:00", None, "UTC")
    assert parse_span("2026-01-05T08:00", None, "2h", "UTC") == span
    for end, duration in ((None, None), ("now", "2h")):
        with pytest.raises(UsageError, match=r"give either --to \(the end\) or --for \(the duration\)"):
            parse_span("2026-01-05T08:00", end, duration, "UTC")


def test_a_definition_keeps_the_budgets_of_its_assets() -> None:
    definition = StreamDefinition(**STREAM, asset_budgets={"pump-7": 0.25})
    again = StreamDefinition.from_json(definition.to_json())
    assert (again.budget_of("pump-7"), again.budget_of("any")) == (0.25, definition.alarm_budget_per_week)
    with pytest.raises(ConfigurationError, match="alarm budget"):
        StreamDefinition(**STREAM, asset_budgets={"pump-7": 0.0})


def test_each_asset_has_the_threshold_of_its_own_budget() -> None:
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
    share = alarm_rule(definition, detector).shares.score
    usual, strict = (detector.calibration.threshold(share * budget) for budget in (1.0, 0.001))
    assert strict > usual
    assert not detector.witnesses.admitted  # the series is too short for them
    assert thresholds["usual"] == pytest.approx([usual] * 3, abs=1e-4)
    assert thresholds["strict"] == pytest.approx([strict] * 3, abs=1e-4)


def test_an_error_names_the_option_that_has_the_text() -> None:
    assert of_option("--interval", parse_duration_us, "2s") == 2_000_000
    with pytest.raises(UsageError, match=r"^--interval: 'soon' is not a duration"):
        of_option("--interval", parse_duration_us, "soon")
    with pytest.raises(UsageError, match=r"^--since: 'soon' is not a duration"):
        of_option("--since", parse_moment_us, "soon", 0)
    with pytest.raises(UsageError, match=r"^--for: 'soon' is not a duration"):
        parse_span("2026-01-05T08:00", None, "soon", "UTC")
    with pytest.raises(UsageError, match=r"^--asset-budget: 'often' is not an alarm budget"):
        parse_asset_budgets(["pump=often"], {})


def test_the_options_of_a_stream_are_named() -> None:
    for option, options in (
        ("--max-ahead", StreamOptions(max_ahead="5x")),
        ("--lateness", StreamOptions(lateness="5x")),
        ("--history", StreamOptions(history="5x")),
    ):
        with pytest.raises(UsageError, match=f"^{option}: '5x' is not a duration"):
            options.changes()


def test_the_changed_settings_are_named_by_their_options() -> None:
    options = StreamOptions(alarm_budget="168", max_staleness="1m", asset_budget=["pump=1/month"])
    assert options.given() == ["alarm budget", "asset budget", "max staleness"]
    assert StreamOptions().given() == []
    assert StreamOptions(schedule="").given() == ["schedule"]
