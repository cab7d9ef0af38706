"""Scores to alarms, for one asset."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.calibration import ScoredRun, fit_calibration
from tfstream.core.alarms.episode import EpisodeEvent
from tfstream.core.alarms.hop_evidence import NoEvidence
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import EventType, SensorShare
from tfstream.core.messages.witness import Witness
from tfstream.core.state import AssetMemory, encode

SECOND = 1_000_000
HOP = 8


@pytest.fixture
def rule() -> AlarmRule:
    scores = np.random.default_rng(0).gamma(2.0, 1.0, 2000)
    calibration = fit_calibration(
        [ScoredRun("x", np.arange(2000) * HOP, scores)],
        rows_per_week=10_080,
        separation_rows=64,
        hop_rows=HOP,
    )
    return AlarmRule(calibration=calibration, budget_per_week=1.0, interval_us=SECOND, hop_rows=HOP)


def update(rule: AlarmRule, scores: list[float]) -> tuple[AlarmState, list[EpisodeEvent]]:
    """Apply scores one hop apart, the first for row 63; every state goes through the state topic."""
    state = AlarmState(rule.calibration.initial_baseline("x"), None)
    events: list[EpisodeEvent] = []
    for number, score in enumerate(scores):
        hop = Hop(63 + HOP * number, number, number, HOP)
        state, new = rule.update(state, score, rule.judge(score, state.baseline), hop, NoEvidence())
        events += new
        state = restarted(state)
    return state, events


class CountingEvidence:
    """Counts the calls of each method; the sensor departs for the first ``lasts`` calls."""

    def __init__(self, lasts: int = 0) -> None:
        self.explained, self.checked, self._lasts = 0, 0, lasts

    def sensors(self) -> tuple[SensorShare, ...]:
        self.explained += 1
        return (SensorShare(name="flow", share=1.0, actual=2.0, expected=1.0, evidence=1.0),)

    def departs(self, sensors: Sequence[str]) -> bool:
        self.checked += 1
        assert sensors == ("flow",)
        return self.checked <= self._lasts


def restarted(state: AlarmState) -> AlarmState:
    """The state that another process restores."""
    memory = AssetMemory(model_version=1, baseline=state.baseline, episode=state.episode)
    restored = msgspec.json.decode(encode(memory), type=AssetMemory)
    return AlarmState(restored.baseline, restored.episode)


def test_an_episode_from_its_first_hop_to_the_end_of_the_cooldown(rule: AlarmRule) -> None:
    state, events = update(rule, [2.0] * 10 + [500.0] * 3 + [2.0] * 12)
    assert [event.event for event in events] == [EventType.OPENED, EventType.CLOSED]
    assert state.episode is None
    closed = events[-1].episode
    assert closed.started_us == (63 + 1 + 9 * HOP) * SECOND  # the beginning of the hop that exceeded
    assert closed.ended_us == closed.started_us + 3 * HOP * SECOND


def test_an_alarm_waits_for_the_minimum_duration(rule: AlarmRule) -> None:
    slow = dataclasses.replace(rule, min_duration_us=20 * SECOND)  # three hops of eight seconds
    quiet, events = update(slow, [2.0] * 10 + [500.0] * 2 + [2.0] * 5)
    assert (quiet.episode, events) == (None, [])
    state, events = update(slow, [2.0] * 10 + [500.0] * 2)
    assert state.episode is not None
    assert state.episode.pending
    state, events = update(slow, [2.0] * 10 + [500.0] * 3 + [2.0] * 12)
    assert [event.event for event in events] == [EventType.OPENED, EventType.CLOSED]
    assert events[0].episode.started_us == (63 + 1 + 9 * HOP) * SECOND
    assert events[0].episode.last_us == events[0].episode.started_us + 3 * HOP * SECOND


def test_a_pending_episode_leaves_the_baseline_as_it_was(rule: AlarmRule) -> None:
    slow = dataclasses.replace(rule, min_duration_us=20 * SECOND)
    never, _ = update(slow, [2.0] * 15)
    fallen, _ = update(slow, [2.0] * 10 + [500.0] * 2 + [2.0] * 5)
    assert fallen == never


def test_a_fault_never_becomes_the_new_normal(rule: AlarmRule) -> None:
    before, _ = update(rule, [2.0] * 10)
    during, _ = update(rule, [2.0] * 10 + [500.0] * 300)
    assert during.episode is not None
    assert during.baseline == before.baseline
    quiet, events = update(rule, [2.0] * 300)
    assert not events
    assert quiet.baseline.center != before.baseline.center


def test_a_quiet_hop_needs_no_evidence(rule: AlarmRule) -> None:
    evidence = CountingEvidence()
    baseline = rule.calibration.initial_baseline("x")
    rule.update(AlarmState(baseline, None), 2.0, rule.judge(2.0, baseline), Hop(63, 0, 0, 8), evidence)
    assert (evidence.explained, evidence.checked) == (0, 0)


def test_an_episode_stays_open_below_the_threshold_and_above_the_hold(rule: AlarmRule) -> None:
    """Hysteresis: a score that falls halfway back closes no episode, however long it stays there."""
    baseline, calibration = rule.calibration.initial_baseline("x"), rule.calibration
    between = (calibration.u + 3 * calibration.threshold(1.0)) / 4
    level = baseline.center + between * baseline.spread
    _, events = update(rule, [2.0] * 10 + [500.0] + [level] * 30)
    assert [event.event for event in events] == [EventType.OPENED]


def test_sensors_are_explained_only_for_hops_that_keep_the_episode_open(rule: AlarmRule) -> None:
    evidence = CountingEvidence()
    state = AlarmState(rule.calibration.initial_baseline("x"), None)
    for number, score in enumerate([2.0, 500.0, *[2.0] * 12]):
        hop = Hop(63 + HOP * number, number, number, HOP)
        judgement = rule.judge(score, state.baseline)
        state, _ = rule.update(state, score, judgement, hop, evidence)
    assert (evidence.explained, evidence.checked) == (1, 8)  # until the cooldown of 64 rows was over


def test_a_fault_that_the_score_adapts_to_is_one_episode(rule: AlarmRule) -> None:
    """It lasts while the main sensor departs from the others; the cooldown begins after that."""
    evidence = CountingEvidence(lasts=5000)
    state = AlarmState(rule.calibration.initial_baseline("x"), None)
    events: list[EpisodeEvent] = []
    for number, score in enumerate([2.0, 500.0, *[2.0] * 5040]):
        hop = Hop(63 + HOP * number, number, number, HOP)
        state, new = rule.update(state, score, rule.judge(score, state.baseline), hop, evidence)
        events += new
        state = restarted(state)
    assert [event.event for event in events] == [EventType.OPENED, EventType.CLOSED]
    closed = events[-1].episode
    assert closed.ended_us == closed.started_us + 5001 * HOP * SECOND


def spoken(rule: AlarmRule, state: AlarmState, number: int, *, crossing: bool) -> AlarmState:
    """The state after a hop in which a witness that looks at 256 rows exceeds its threshold."""
    judgement = Judgement(6.0, 5.0, 4.0, 0.1, Witness.LEVELS, scale_s=256.0, crossing=crossing)
    return rule.update(state, 2.0, judgement, Hop(63 + HOP * number, 0, 0, HOP), NoEvidence())[0]


def test_a_witness_of_a_coarse_grid_opens_an_alarm_after_the_minimum_duration(rule: AlarmRule) -> None:
    """Between two rows of its grid the hops have quiet scores; only its first value crosses the threshold."""
    slow = dataclasses.replace(rule, min_duration_us=100 * SECOND)
    state = AlarmState(slow.calibration.initial_baseline("x"), None)
    for number in range(25):
        if number % 8 == 0:
            state = spoken(slow, state, number, crossing=number == 0)
        else:
            hop = Hop(63 + HOP * number, 0, 0, HOP)
            state, _ = slow.update(state, 2.0, slow.judge(2.0, state.baseline), hop, NoEvidence())
        state = restarted(state)
    assert state.episode is not None
    assert not state.episode.pending
    assert state.episode.started_us == 56 * SECOND
