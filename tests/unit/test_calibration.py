"""Budgets kept on simulated normal scores."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.core.calibration import Run, fit_calibration, judge

ROWS_PER_WEEK = 10_080.0
HOP = 8


def scores(seed: int, hops: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Normal scores with heavy tails and memory, as a detector's are."""
    rng = np.random.default_rng(seed)
    noise = rng.gamma(2.0, 1.0, hops)
    return np.convolve(noise, np.ones(3) / 3, mode="same")


def run(seed: int, hops: int, asset: str = "x") -> Run:
    return Run(asset, np.arange(hops) * HOP, scores(seed, hops))


def test_the_budget_is_kept_within_a_factor_of_two() -> None:
    """Median over streams of the alarms realised for a budget of three a week."""
    week = int(ROWS_PER_WEEK / HOP)
    calibrations = [
        fit_calibration([run(seed, 2 * week)], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP)
        for seed in range(12)
    ]
    realised = []
    for seed, calibration in enumerate(calibrations):
        baseline, last, alarms = calibration.initial_baseline("x"), -(10**9), 0
        for row, score in zip(*run(seed + 100, 8 * week)[1:], strict=True):
            found = judge(float(score), baseline, calibration, 3.0)
            if found.exceeds:
                alarms += row - last > 64
                last = row
            else:
                baseline = baseline.updated(float(score))
        realised.append(alarms / 8)
    assert 1.5 <= np.median(realised) <= 6


def test_little_data_is_called_extrapolated() -> None:
    calibration = fit_calibration([run(0, 50)], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP)
    assert calibration.extrapolated(1.0)
    assert not calibration.extrapolated(1000.0)
    assert calibration.threshold(1.0) > calibration.u


def test_assets_have_levels_of_their_own() -> None:
    high = Run("high", np.arange(200) * HOP, scores(1, 200) + 10)
    calibration = fit_calibration(
        [run(0, 200, "low"), high], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP
    )
    gap = calibration.initial_baseline("high").center - calibration.initial_baseline("low").center
    assert gap == pytest.approx(10, abs=0.7)
    assert calibration.initial_baseline("new") == calibration.pooled


def test_no_scores_no_calibration() -> None:
    with pytest.raises(ValueError, match="no scores"):
        fit_calibration([], rows_per_week=ROWS_PER_WEEK, separation_rows=64, hop_rows=HOP)


def test_a_lone_small_excess_does_not_make_the_tail_short() -> None:
    """One cluster that barely passed the quantile says nothing of how far a normal score may go."""
    scores = np.zeros(60)
    scores[::2], scores[30] = 1.0, 1.001
    found = fit_calibration(
        [Run("a", np.arange(60) * 8, scores)], rows_per_week=604_800, separation_rows=64, hop_rows=8
    )
    assert found.clusters == 1
    assert 0.8 < found.sigma <= 1.0
