"""Alarms of a backtest matched with events and exclusions, and the outcome of each hop."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tfstream.app.detection.alarm_collector import AlarmCollector
from tfstream.app.detection.asset_update import AssetUpdate, ScoredWindow
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.score_batch import SmoothedTerms, WindowScore
from tfstream.app.history.asset_alarms import AssetAlarms
from tfstream.app.history.backtest_lines import alarm_lines, asset_line, event_lines
from tfstream.app.history.backtest_result import AssetLine
from tfstream.app.history.hop_outcome import hop_outcome
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.calibration import ScoredRun, fit_calibration
from tfstream.core.alarms.hop_evidence import NoEvidence
from tfstream.core.instruments.counters import CounterTransform
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.messages.anomaly_event import SensorShare
from tfstream.core.spans import Span
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window

SECOND = 1_000_000
HOP, WINDOW = 8, 64
DEFINITION = StreamDefinition(topic="t", sensors=("flow", "level"), interval_us=SECOND)
DETECTOR = SimpleNamespace(
    hop_rows=HOP,
    window_rows=WINDOW,
    counters=CounterTransform(()),
    calibration=SimpleNamespace(assets={"x": None}),
    scaler=SimpleNamespace(assets=()),
)
CHAMPION = cast(Champion, SimpleNamespace(detector=DETECTOR))
NOTHING = np.zeros((WINDOW, 2), dtype=np.float32)


class LevelEvidence(NoEvidence):
    """Attributes every score to the level."""

    def sensors(self) -> tuple[SensorShare, ...]:
        return (SensorShare(name="level", share=1.0, actual=2.0, expected=1.0, evidence=5.0),)


def rule(**changed: Any) -> AlarmRule:
    scores = np.random.default_rng(0).gamma(2.0, 1.0, 2000)
    run = ScoredRun("x", np.arange(2000) * HOP, scores)
    calibration = fit_calibration([run], rows_per_week=604_800, separation_rows=WINDOW, hop_rows=HOP)
    return AlarmRule(
        calibration=calibration, budget_per_week=1.0, interval_us=SECOND, hop_rows=HOP, **changed
    )


def updates(scores: Sequence[float], rule: AlarmRule) -> list[AssetUpdate]:
    """Consecutive hops through the alarm rule, the first from row 56 to row 63."""
    memory = AssetMemory(model_version=1, baseline=rule.calibration.initial_baseline("x"))
    found = []
    for number, score in enumerate(scores):
        end = WINDOW - 1 + HOP * number
        judgement = rule.judge(score, memory.baseline)
        state = AlarmState(memory.baseline, memory.episode)
        state, events = rule.update(state, score, judgement, Hop(end, 0, 0, rule.hop_rows), LevelEvidence())
        after = AssetMemory(model_version=1, baseline=state.baseline, episode=state.episode)
        scored = WindowScore(score, SmoothedTerms(end, ()), "x", NOTHING, NOTHING[0])
        window = ScoredWindow(Window(end, NOTHING, 0, 0), (), scored, judgement, memory, after)
        found.append(AssetUpdate("x", after, events, window))
        memory = after
    return found


def asset_alarms(
    scores: Sequence[float], events: Sequence[Span] = (), exclusions: Sequence[Exclusion] = ()
) -> AssetAlarms:
    collector = AlarmCollector()
    for update in updates(scores, rule()):
        collector(update)
    return AssetAlarms(DEFINITION, CHAMPION, "x", collector, events, exclusions)


def line(asset: AssetAlarms, *, labelled: bool = True) -> AssetLine:
    return asset_line("x", asset.budget, [asset], labelled=labelled)


CALM, LOUD = 1.0, 1e3
TWO_ALARMS = [CALM] * 10 + [LOUD] * 2 + [CALM] * 30 + [LOUD] * 3 + [CALM] * 30
FIRST = Span((WINDOW + 9 * HOP) * SECOND, (WINDOW + 11 * HOP) * SECOND)  # the first alarm


def test_alarms_belong_to_events_or_are_false() -> None:
    late = Span(FIRST.start_us - 5 * SECOND, FIRST.end_us)
    missed = Span(FIRST.end_us + 100 * SECOND, FIRST.end_us + 130 * SECOND)
    asset = asset_alarms(TWO_ALARMS, [late, missed])
    first, second = event_lines(asset)
    assert (first.delay_s, first.warning_s) == (5.0 + HOP, 1.0 * HOP)
    assert (second.raised_at, second.delay_s) == (None, None)
    total = line(asset)
    assert (total.alarms, total.events, total.detected, total.false_alarms) == (2, 2, 1, 1)
    assert total.weeks == pytest.approx(len(TWO_ALARMS) * HOP / 604_800)
    assert total.per_week == pytest.approx(2 / total.weeks)
    assert [alarm.event is None for alarm in alarm_lines(asset)] == [False, True]
    assert {alarm.reason for alarm in alarm_lines(asset)} == {"level shows 2; expected 1"}
    assert line(asset_alarms(TWO_ALARMS), labelled=False).false_alarms is None


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
        (Exclusion(first=Span(0, FIRST.end_us - WINDOW * SECOND + 1)), 1),
        (Exclusion(first=Span(0, FIRST.end_us - WINDOW * SECOND)), 0),
    ],
)
def test_hidden_alarms_are_counted_apart(exclusion: Exclusion, hidden: int) -> None:
    counts = line(asset_alarms(TWO_ALARMS, exclusions=[exclusion] if exclusion.hide else []))
    assert (counts.alarms, counts.hidden) == (2 - hidden, hidden)


def test_the_line_of_all_assets_adds_them_up() -> None:
    assets = [asset_alarms(TWO_ALARMS), asset_alarms([CALM] * 20)]
    total = asset_line("all", 1.0, assets, labelled=True)
    assert (total.alarms, total.false_alarms) == (2, 2)
    assert total.weeks == pytest.approx((len(TWO_ALARMS) + 20) * HOP / 604_800)
    assert total.low < total.per_week < total.high


def test_every_hop_has_an_outcome() -> None:
    slow = rule(min_duration_us=2 * HOP * SECOND)
    scores = [CALM, LOUD, LOUD, LOUD, *[CALM] * 20]
    outcomes = [hop_outcome(each.window, slow) for each in updates(scores, slow) if each.window]
    assert outcomes[:4] == [
        "below the threshold",
        "over the threshold for 8 s; an alarm needs 16 s",
        "over the threshold: an alarm is raised",
        "over the threshold: the episode goes on",
    ]
    end = next(i for i, outcome in enumerate(outcomes) if outcome.startswith("quiet for long enough"))
    assert set(outcomes[4:end]) == {"quiet, but not for long enough to end the episode"}
    assert outcomes[end] == "quiet for long enough: the episode of 1970-01-01T00:01:04Z ends"
    assert set(outcomes[end + 1 :]) == {"below the threshold"}


def test_rows_that_only_the_checks_of_instruments_judged_have_an_outcome() -> None:
    window = next(each.window for each in updates([CALM], rule()) if each.window)
    unscored = window._replace(judgement=None, scored=None)
    assert hop_outcome(unscored, rule()).startswith("not scored: no reading from any sensor")
    judged = unscored._replace(instruments=window.judgement)
    assert hop_outcome(judged, rule()).startswith("only the checks of instruments judged these rows")


def test_an_episode_opens_in_the_window_that_raises_the_alarm() -> None:
    slow = rule(min_duration_us=2 * HOP * SECOND)
    windows = [each.window for each in updates([CALM, LOUD, LOUD, LOUD, CALM], slow) if each.window]
    assert [window.opens_episode for window in windows] == [False, False, True, False, False]
