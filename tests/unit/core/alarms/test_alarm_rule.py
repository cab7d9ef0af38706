"""Scores to alarms, one asset alone."""

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
from tfstream.core.messages.anomaly_event import EventType, SensorShare
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


def follow(rule: AlarmRule, scores: list[float]) -> tuple[AlarmState, list[EpisodeEvent]]:
    """Scores one hop apart, the first window ending with row 63; every standing survives the state topic."""
    standing = AlarmState(rule.calibration.initial_baseline("x"), None)
    told = []
    for number, score in enumerate(scores):
        hop = Hop(63 + HOP * number, number, number)
        standing, news = rule.update(standing, score, rule.judge(score, standing.baseline), hop, NoEvidence())
        told += [news] if news else []
        standing = restarted(standing)
    return standing, told


class Asked:
    """A testimony that counts how often it is asked for what; a fault lasts for ``lasts`` more hops."""

    def __init__(self, lasts: int = 0) -> None:
        self.blamed, self.held, self._lasts = 0, 0, lasts

    def sensors(self) -> tuple[SensorShare, ...]:
        self.blamed += 1
        return (SensorShare(name="flow", share=1.0, actual=2.0, expected=1.0, evidence=1.0),)

    def departs(self, sensors: Sequence[str]) -> bool:
        self.held += 1
        assert sensors == ("flow",)
        return self.held <= self._lasts


def restarted(standing: AlarmState) -> AlarmState:
    """What another process finds of it."""
    memory = AssetMemory(model_version=1, baseline=standing.baseline, episode=standing.episode)
    found = msgspec.json.decode(encode(memory), type=AssetMemory)
    return AlarmState(found.baseline, found.episode)


def test_an_episode_from_its_first_hop_to_the_end_of_the_cooldown(rule: AlarmRule) -> None:
    standing, told = follow(rule, [2.0] * 10 + [500.0] * 3 + [2.0] * 12)
    assert [news.event for news in told] == [EventType.OPENED, EventType.CLOSED]
    assert standing.episode is None
    closed = told[-1].episode
    assert closed.started_us == (63 + 1 + 9 * HOP) * SECOND  # the beginning of the hop that exceeded
    assert closed.ended_us == closed.started_us + 3 * HOP * SECOND


def test_a_minimum_duration_is_waited_for(rule: AlarmRule) -> None:
    patient = dataclasses.replace(rule, min_duration_us=20 * SECOND)  # three hops of eight seconds
    quiet, told = follow(patient, [2.0] * 10 + [500.0] * 2 + [2.0] * 5)
    assert (quiet.episode, told) == (None, [])
    standing, told = follow(patient, [2.0] * 10 + [500.0] * 2)
    assert standing.episode is not None
    assert standing.episode.pending
    standing, told = follow(patient, [2.0] * 10 + [500.0] * 3 + [2.0] * 12)
    assert [news.event for news in told] == [EventType.OPENED, EventType.CLOSED]
    assert told[0].episode.started_us == (63 + 1 + 9 * HOP) * SECOND
    assert told[0].episode.last_us == told[0].episode.started_us + 3 * HOP * SECOND


def test_after_a_pending_episode_the_baseline_goes_on_from_where_it_was(rule: AlarmRule) -> None:
    patient = dataclasses.replace(rule, min_duration_us=20 * SECOND)
    never, _ = follow(patient, [2.0] * 15)
    fallen, _ = follow(patient, [2.0] * 10 + [500.0] * 2 + [2.0] * 5)
    assert fallen == never


def test_a_fault_never_becomes_the_new_normal(rule: AlarmRule) -> None:
    before, _ = follow(rule, [2.0] * 10)
    during, _ = follow(rule, [2.0] * 10 + [500.0] * 300)
    assert during.episode is not None
    assert during.baseline == before.baseline
    quiet, told = follow(rule, [2.0] * 300)
    assert not told
    assert quiet.baseline.center != before.baseline.center


def test_sensors_are_asked_for_only_when_there_is_something_to_tell(rule: AlarmRule) -> None:
    witness = Asked()
    baseline = rule.calibration.initial_baseline("x")
    rule.update(AlarmState(baseline, None), 2.0, rule.judge(2.0, baseline), Hop(63, 0, 0), witness)
    assert (witness.blamed, witness.held) == (0, 0)


def test_an_episode_goes_on_below_the_threshold_and_above_the_hold(rule: AlarmRule) -> None:
    """Hysteresis: a score that falls halfway back ends nothing, however long it stays there."""
    baseline, calibration = rule.calibration.initial_baseline("x"), rule.calibration
    between = (calibration.u + 3 * calibration.threshold(1.0)) / 4
    level = baseline.center + between * baseline.spread
    _, told = follow(rule, [2.0] * 10 + [500.0] + [level] * 30)
    assert [news.event for news in told] == [EventType.OPENED]


def test_who_is_guilty_is_asked_only_of_hops_that_keep_it_open(rule: AlarmRule) -> None:
    witness = Asked()
    standing = AlarmState(rule.calibration.initial_baseline("x"), None)
    for number, score in enumerate([2.0, 500.0, *[2.0] * 12]):
        hop = Hop(63 + HOP * number, number, number)
        judgement = rule.judge(score, standing.baseline)
        standing, _ = rule.update(standing, score, judgement, hop, witness)
    assert (witness.blamed, witness.held) == (1, 8)  # until the cooldown of 64 rows was over


def test_a_fault_that_the_score_has_grown_used_to_is_one_episode(rule: AlarmRule) -> None:
    """It lasts for as long as the guilty sensor departs from the others, and its cooldown begins then."""
    witness = Asked(lasts=5000)
    standing, told = AlarmState(rule.calibration.initial_baseline("x"), None), []
    for number, score in enumerate([2.0, 500.0, *[2.0] * 5040]):
        hop = Hop(63 + HOP * number, number, number)
        standing, news = rule.update(standing, score, rule.judge(score, standing.baseline), hop, witness)
        told += [news] if news else []
        standing = restarted(standing)
    assert [news.event for news in told] == [EventType.OPENED, EventType.CLOSED]
    closed = told[-1].episode
    assert closed.ended_us == closed.started_us + 5001 * HOP * SECOND
