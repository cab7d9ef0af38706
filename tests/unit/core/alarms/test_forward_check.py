"""What thresholds give on later rows, and the budget behind a recorded threshold of a witness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.calibration import ScoredRun, fit_calibration
from tfstream.core.alarms.forward_check import ForwardCheck, ScoredRows, add_parts, check_part
from tfstream.core.alarms.witness_tail import WatchedRun, WitnessTail, fit_witness_tail
from tfstream.core.messages.witness import Witness

MINUTE_US = 60_000_000
ROWS_A_WEEK = 10_080.0
PARTS = (5, 6, 7)


def fit_tail_of(values: NDArray[np.float64], scale_rows: int = 1) -> WitnessTail:
    """The tail of a statistic whose values are watched in three parts."""
    runs = [WatchedRun(part, own) for part, own in zip(PARTS, np.split(values, 3), strict=True)]
    return fit_witness_tail(
        runs,
        witness=Witness.LEVELS,
        level=0,
        grid_rows=1,
        scale_rows=scale_rows,
        statistic=2,
        name="levels over 4 rows",
        rows_per_week=ROWS_A_WEEK,
        separation=64,
    )


def steady(seed: int = 0) -> NDArray[np.float64]:
    return np.exp(0.3 * np.random.default_rng(seed).normal(size=9_000))


def test_separate_peaks_over_the_threshold_are_separate_alarms() -> None:
    values = np.zeros(400)
    values[[10, 12, 300]] = 5.0
    check = check_part([ScoredRows(np.arange(400), values)], 4.0, 64)
    assert check == ForwardCheck(asked=1.0, alarms=2, over=3 / 400)
    assert add_parts([check, ForwardCheck(asked=1.0, alarms=0, over=0.0)]) == ForwardCheck(
        asked=2.0, alarms=2, over=3 / 400
    )
    assert add_parts([]) is None


def test_a_steady_statistic_is_admitted_and_gives_about_what_is_asked() -> None:
    tails = [fit_tail_of(steady(seed)) for seed in range(10)]
    assert all(tail.refused is None for tail in tails)
    checks = [tail.forward for tail in tails if tail.forward is not None]
    assert [check.asked for check in checks] == [2.0] * 10
    assert sum(check.alarms for check in checks) <= 20


def test_a_statistic_whose_level_wanders_is_refused_in_words() -> None:
    values = steady()
    values[6_000:] *= 4
    tail = fit_tail_of(values)
    assert tail.forward is not None
    assert tail.forward.over > 0.5
    assert tail.refused is not None
    assert tail.refused.startswith("on later rows it stayed over a threshold for one alarm during ")


@pytest.fixture
def rule() -> AlarmRule:
    """The rule of the score and of one witness at two time scales."""
    scores = np.random.default_rng(0).gamma(2.0, 1.0, 2000)
    run = ScoredRun("x", np.arange(2000) * 8, scores)
    calibration = fit_calibration([run], rows_per_week=ROWS_A_WEEK, separation_rows=64, hop_rows=8)
    return AlarmRule(
        calibration=calibration,
        budget_per_week=1.0,
        interval_us=MINUTE_US,
        hop_rows=8,
        witnesses=(fit_tail_of(steady(1), 4), fit_tail_of(steady(2), 16)),
    )


@pytest.mark.parametrize(
    ("witness", "scale_s"), [(Witness.SCORE, None), (Witness.LEVELS, 240.0), (Witness.LEVELS, 960.0)]
)
def test_the_budget_behind_a_threshold_is_that_of_its_witness(
    rule: AlarmRule, witness: Witness, scale_s: float | None
) -> None:
    """The score has half of the budget, each time scale a quarter."""
    assert rule.shares.score == 0.5
    present = rule.thresholds(witness, scale_s)
    assert len(present) == 1
    for budget in (0.5, 1.0, 3.0):
        (threshold,) = replace(rule, budget_per_week=budget).thresholds(witness, scale_s)
        assert (threshold in present) == (budget == 1.0)
        assert rule.budget_behind(threshold, witness, scale_s) == pytest.approx(budget, rel=1e-3)


def test_a_score_without_a_time_scale_has_the_threshold_of_one_of_them(rule: AlarmRule) -> None:
    """A stored score names its witness only."""
    first, second = rule.thresholds(Witness.LEVELS, None)
    assert first != second
    for threshold in (first, second):
        assert rule.budget_behind(threshold, Witness.LEVELS, None) > 0
    assert rule.thresholds(Witness.SEASON, None) == []
    assert rule.budget_behind(first, Witness.SEASON, None) == 0.0
