"""One decision about a score: episode, baseline and every reader of a record agree on it."""

from __future__ import annotations

import pytest

from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration
from tfstream.core.alarms.hop_evidence import NoEvidence
from tfstream.core.messages.anomaly_event import EventType

BASELINE = Baseline(center=0.0, spread=1.0, usual=1.0)
RULE = AlarmRule(
    calibration=Calibration(
        pooled=BASELINE,
        assets={},
        u=3.0,
        sigma=2.0,
        xi=0.0,
        clusters=40,
        clusters_per_week=1.0,
        weeks=40.0,
        separation_rows=64,
    ),
    budget_per_week=0.36787944117144233,  # exp(-1): the threshold is u + sigma
    interval_us=1_000_000,
    hop_rows=8,
)
THRESHOLD = 5.0


@pytest.mark.parametrize(
    ("score", "recorded", "exceeds"),
    [(4.99999, 4.99999, False), (4.9999996, 5.0, True), (5.0, 5.0, True), (5.0000004, 5.0, True)],
)
def test_the_recorded_numbers_decide(score: float, recorded: float, exceeds: bool) -> None:
    """Just below the threshold: the score record equals the threshold, and the episode opens."""
    judgement = RULE.judge(score, BASELINE)
    assert (judgement.value, judgement.threshold, judgement.exceeds) == (recorded, THRESHOLD, exceeds)
    state, events = RULE.update(AlarmState(BASELINE, None), score, judgement, Hop(63, 0, 0, 8), NoEvidence())
    assert (state.episode is not None) is exceeds
    assert [event.event for event in events] == [EventType.OPENED] * exceeds
    assert (state.baseline == BASELINE) is exceeds  # a score that opens an episode moves no baseline


@pytest.mark.parametrize(("score", "holds"), [(3.9, False), (3.9999996, True), (4.0, True), (4.5, True)])
def test_an_episode_stays_open_halfway_down_to_u(score: float, holds: bool) -> None:
    judgement = RULE.judge(score, BASELINE)
    assert judgement.hold == pytest.approx(4.0)
    assert judgement.keeps_open is holds
    state, _ = RULE.update(
        AlarmState(BASELINE, None), 6.0, RULE.judge(6.0, BASELINE), Hop(63, 0, 0, 8), NoEvidence()
    )
    state, _ = RULE.update(state, score, judgement, Hop(71, 1, 1, 8), NoEvidence())
    assert state.episode is not None
    assert (state.episode.last_us == 72_000_000) is holds
