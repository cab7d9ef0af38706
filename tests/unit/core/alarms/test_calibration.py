"""Budgets kept on simulated normal scores."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from tests.score_alarms import raise_alarms
from tfstream.app.detection.score_series import HopScores
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration, ScoredRun, fit_calibration
from tfstream.core.alarms.judgement import judge_score

ROWS_PER_WEEK = 10_080.0
HOP = 8


def scores(seed: int, hops: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Normal scores with heavy tails and memory, as a detector's are."""
    rng = np.random.default_rng(seed)
    noise = rng.gamma(2.0, 1.0, hops)
    return np.convolve(noise, np.ones(3) / 3, mode="same")


def run(seed: int, hops: int, asset: str = "x") -> ScoredRun:
    return ScoredRun(asset, np.arange(hops) * HOP, scores(seed, hops))


def kept(calibrations: Sequence[Calibration], budget: float) -> float:
    """The ratio of the alarms in eight weeks after each calibration to the budget."""
    week, alarms = int(ROWS_PER_WEEK / HOP), 0
    for seed, calibration in enumerate(calibrations):
        rule = AlarmRule(calibration=calibration, budget_per_week=budget, interval_us=1, hop_rows=HOP)
        rows, values = run(seed + 100, 8 * week)[1:]
        alarms += len(raise_alarms(rule, "x", HopScores(rows + HOP, values), first_row=0))
    return alarms / (8 * budget * len(calibrations))


@pytest.fixture(scope="module")
def calibrations() -> list[Calibration]:
    """Two weeks of normal scores each."""
    hops = 2 * int(ROWS_PER_WEEK / HOP)
    return [
        fit_calibration([run(seed, hops)], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP)
        for seed in range(16)
    ]


@pytest.mark.parametrize("budget", [1.0, 5.0])
def test_the_budget_is_kept(calibrations: list[Calibration], budget: float) -> None:
    """By the alarm rule of the stream, over sixteen streams together."""
    assert 2 / 3 < kept(calibrations, budget) < 3 / 2


@pytest.mark.parametrize("factor", [2.5, 1 / 2.5])
def test_a_threshold_for_another_budget_is_noticed(calibrations: list[Calibration], factor: float) -> None:
    """The control: a cluster rate that is wrong by the factor leaves the bounds of the test above."""
    wrong = [msgspec.structs.replace(c, clusters_per_week=c.clusters_per_week * factor) for c in calibrations]
    assert not 2 / 3 < kept(wrong, 5.0) < 3 / 2


def test_the_baseline_follows_a_lasting_shift_and_faults_still_show() -> None:
    week = int(ROWS_PER_WEEK / HOP)
    calibration = fit_calibration(
        [run(0, 2 * week)], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP
    )
    usual = calibration.initial_baseline("x")
    shift = 0.6 * calibration.threshold(1.0) * usual.spread
    baseline = usual
    for score in scores(1, 3 * week) + shift:
        if not judge_score(float(score), baseline, calibration, 1.0, 1.0).exceeds:
            baseline = baseline.updated(float(score))
        assert usual.spread / 2 <= baseline.spread <= 2 * usual.spread
    assert baseline.center == pytest.approx(usual.center + shift, abs=0.3 * usual.spread)
    assert baseline.spread == pytest.approx(usual.spread, rel=0.25)
    fault = baseline.center + 1.5 * calibration.threshold(1.0) * usual.spread
    assert judge_score(fault, baseline, calibration, 1.0, 1.0).exceeds


def test_idle_weeks_do_not_make_an_asset_raise_alarms_at_small_changes() -> None:
    usual = Baseline(center=5.0, spread=1.0, usual=1.0)
    baseline = usual
    for _ in range(10_000):
        baseline = baseline.updated(5.0)
    assert baseline.spread == 0.5


def test_little_data_is_called_extrapolated() -> None:
    calibration = fit_calibration([run(0, 50)], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP)
    assert calibration.extrapolated(1.0)
    assert not calibration.extrapolated(1000.0)
    assert calibration.threshold(1.0) > calibration.u


def test_assets_have_levels_of_their_own() -> None:
    high = ScoredRun("high", np.arange(200) * HOP, scores(1, 200) + 10)
    calibration = fit_calibration(
        [run(0, 200, "low"), high], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP
    )
    gap = calibration.initial_baseline("high").center - calibration.initial_baseline("low").center
    assert gap == pytest.approx(10, abs=0.7)
    new = calibration.initial_baseline("new")
    assert new == calibration.pooled
    assert new.spread > 4  # its level may be that of either
    for score in np.tile(scores(2, 200), 30):
        new = new.updated(float(score))
    assert new.spread <= 2 * new.usual < 2


def test_no_scores_no_calibration() -> None:
    with pytest.raises(ValueError, match="no scores"):
        fit_calibration([], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP)


def test_a_lone_small_excess_does_not_make_the_tail_short() -> None:
    """One cluster just above the quantile says nothing about the length of the tail."""
    scores = np.zeros(60)
    scores[::2], scores[30] = 1.0, 1.001
    calibration = fit_calibration(
        [ScoredRun("a", np.arange(60) * 8, scores)], rows_per_week=604_800, separation_rows=64, hop_rows=8
    )
    assert calibration.clusters <= 3
    assert 0.8 < calibration.sigma <= 1.5


@pytest.mark.parametrize("tail", [0.25, 0.0, -0.4])
def test_the_shape_is_fitted_if_there_are_many_clusters(tail: float) -> None:
    """Peaks of a generalised Pareto, one alarm each; few peaks give almost an exponential tail."""
    exponential = np.random.default_rng(0).exponential(size=10_000)
    excesses = exponential if tail == 0 else np.expm1(tail * exponential) / tail
    shapes = []
    for peaks in (20, 10_000):
        values = np.tile([1.0, -1.0], (peaks, 5))
        values[:, 4] = 3 + 5 * excesses[:peaks]
        scored = ScoredRun("a", np.arange(10 * peaks) * HOP, values.ravel())
        calibration = fit_calibration([scored], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP)
        assert calibration.clusters == peaks / 2  # those above the 95 % quantile
        shapes.append(calibration.xi)
    assert shapes[1] == pytest.approx(tail, abs=0.05)
    assert abs(shapes[0]) < 0.15


def test_a_constant_score_is_no_alarm() -> None:
    """An idle machine: its level equals the 95 % quantile, and there is no cluster."""
    calibration = fit_calibration(
        [ScoredRun("x", np.arange(170) * 8, np.full(170, 3.7))],
        rows_per_week=1008,
        separation_rows=64,
        hop_rows=8,
    )
    assert not judge_score(3.7, calibration.initial_baseline("x"), calibration, 1.0, 1.0).exceeds


def test_the_spread_never_leaves_its_bounds() -> None:
    baseline = Baseline(center=0.0, spread=1.0, usual=1.0)
    for _ in range(5000):
        baseline = baseline.updated(baseline.center + 3 * baseline.spread)
    assert baseline.spread == pytest.approx(2.0)


def test_the_wide_spread_of_an_unknown_asset_narrows_soon() -> None:
    baseline = Baseline(center=0.0, spread=20.0, usual=1.0)
    for hop in range(700):
        baseline = baseline.updated(1.0 if hop % 2 else -1.0)
    assert baseline.spread < 2.1
