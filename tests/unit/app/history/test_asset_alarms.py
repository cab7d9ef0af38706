"""Alarms of a backtest beside events and exclusions, and what a hop did to an episode."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tfstream.app.history.asset_alarms import AlarmCollector, AssetAlarms, line_of
from tfstream.app.history.hop_outcome import hop_outcome
from tfstream.app.scoring.episode_tracker import ScoredWindow
from tfstream.app.scoring.score_batch import Champion, SmoothedTerms, WindowScore
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.calibration import ScoredRun, fit_calibration
from tfstream.core.alarms.hop_evidence import NoEvidence
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.messages.anomaly_event import SensorShare
from tfstream.core.spans import Span
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window

SECOND = 1_000_000
HOP, WINDOW = 8, 64
DEFINITION = StreamDefinition(topic="t", sensors=("flow", "level"), interval_us=SECOND)
SHAPE = cast(Champion, SimpleNamespace(detector=SimpleNamespace(hop_rows=HOP, window_rows=WINDOW)))
NOTHING = np.zeros((WINDOW, 2), dtype=np.float32)


class Level(NoEvidence):
    """Puts everything down to the level."""

    def sensors(self) -> tuple[SensorShare, ...]:
        return (SensorShare(name="level", share=1.0, actual=2.0, expected=1.0, evidence=5.0),)


def rule(**changed: Any) -> AlarmRule:
    scores = np.random.default_rng(0).gamma(2.0, 1.0, 2000)
    run = ScoredRun("x", np.arange(2000) * HOP, scores)
    calibration = fit_calibration([run], rows_per_week=604_800, separation_rows=WINDOW, hop_rows=HOP)
    return AlarmRule(
        calibration=calibration, budget_per_week=1.0, interval_us=SECOND, hop_rows=HOP, **changed
    )


def judged(scores: Sequence[float], by: AlarmRule) -> list[ScoredWindow]:
    """Hops one after the other, the first one from row 56 to 63, through the alarm rule."""
    memory = AssetMemory(model_version=1, baseline=by.calibration.initial_baseline("x"))
    found = []
    for number, score in enumerate(scores):
        end = WINDOW - 1 + HOP * number
        judgement = by.judge(score, memory.baseline)
        standing = AlarmState(memory.baseline, memory.episode)
        standing, _ = by.update(standing, score, judgement, Hop(end, 0, 0), Level())
        after = AssetMemory(model_version=1, baseline=standing.baseline, episode=standing.episode)
        scored = WindowScore(score, SmoothedTerms(end, ()), "x", NOTHING, NOTHING[0])
        found.append(ScoredWindow(Window(end, NOTHING, 0, 0), (), scored, judgement, memory, after))
        memory = after
    return found


def counted(
    scores: Sequence[float], events: Sequence[Span] = (), hiding: Sequence[Exclusion] = ()
) -> AssetAlarms:
    watch = AlarmCollector(SECOND)
    for one in judged(scores, rule()):
        watch(one)
    return AssetAlarms(DEFINITION, SHAPE, "x", watch, events, hiding)


CALM, LOUD = 1.0, 1e3
TWO_ALARMS = [CALM] * 10 + [LOUD] * 2 + [CALM] * 30 + [LOUD] * 3 + [CALM] * 30
FIRST = Span((WINDOW + 9 * HOP) * SECOND, (WINDOW + 11 * HOP) * SECOND)  # what the first alarm spans


def test_alarms_belong_to_events_or_are_false() -> None:
    late = Span(FIRST.start_us - 5 * SECOND, FIRST.end_us)
    never = Span(FIRST.end_us + 100 * SECOND, FIRST.end_us + 130 * SECOND)
    asset = counted(TWO_ALARMS, [late, never])
    first, second = asset.event_lines()
    assert (first.delay_s, first.warning_s) == (5.0 + HOP, 1.0 * HOP)
    assert (second.raised_at, second.delay_s) == (None, None)
    line = asset.line(labelled=True)
    assert (line.alarms, line.events, line.detected, line.false_alarms) == (2, 2, 1, 1)
    assert line.weeks == pytest.approx(len(TWO_ALARMS) * HOP / 604_800)
    assert line.per_week == pytest.approx(2 / line.weeks)
    assert [one.event is None for one in asset.alarm_lines()] == [False, True]
    assert counted(TWO_ALARMS).line(labelled=False).false_alarms is None


@pytest.mark.parametrize(
    ("exclusion", "hidden"),
    [
        (Exclusion(first=FIRST), 1),
        (Exclusion(first=FIRST, asset="x*", sensor="lev*"), 1),
        (Exclusion(first=FIRST, sensor="flow"), 0),
        (Exclusion(first=FIRST, asset="y"), 0),
        (Exclusion(first=FIRST, hide=False), 0),
        (Exclusion(first=FIRST, removed_from_us=0), 0),
        (Exclusion(first=Span(0, FIRST.start_us - WINDOW * SECOND)), 0),
        (Exclusion(first=Span(0, 10_000 * SECOND)), 2),
    ],
)
def test_what_exclusions_hide_is_counted_apart(exclusion: Exclusion, hidden: int) -> None:
    line = counted(TWO_ALARMS, hiding=[exclusion] if exclusion.hide else []).line(labelled=True)
    assert (line.alarms, line.hidden) == (2 - hidden, hidden)


def test_all_assets_together_are_one_line() -> None:
    two = [counted(TWO_ALARMS), counted([CALM] * 20)]
    line = line_of("all", 1.0, two, labelled=True)
    assert (line.alarms, line.false_alarms) == (2, 2)
    assert line.weeks == pytest.approx((len(TWO_ALARMS) + 20) * HOP / 604_800)
    assert line.low < line.per_week < line.high


def test_what_every_hop_did_is_said() -> None:
    patient = rule(min_duration_us=2 * HOP * SECOND)
    scores = [CALM, LOUD, LOUD, LOUD, *[CALM] * 20]
    said = [hop_outcome(one, patient) for one in judged(scores, patient)]
    assert said[:4] == [
        "below the threshold",
        "over the threshold for 8 s, 16 s raise an alarm",
        "over the threshold: an alarm is raised",
        "over the threshold: the episode goes on",
    ]
    ends = next(place for place, words in enumerate(said) if words.startswith("calm for long enough"))
    assert set(said[4:ends]) == {"calm, not for long enough to end the episode"}
    assert said[ends] == "calm for long enough: the episode of 1970-01-01T00:01:04Z ends"
    assert set(said[ends + 1 :]) == {"below the threshold"}
