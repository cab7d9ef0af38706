"""Properties of the threshold for an alarm budget, and of the running baseline."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration

calibrations = st.builds(
    lambda u, sigma, xi, rate: Calibration(
        pooled=Baseline(center=0.0, spread=1.0, usual=1.0),
        assets={},
        u=u,
        sigma=sigma,
        xi=xi,
        clusters=40,
        clusters_per_week=rate,
        weeks=2.0,
        separation_rows=64,
    ),
    st.floats(0, 10),
    st.floats(0.05, 5),
    st.floats(-0.5, 0.3),
    st.floats(0.5, 1e4),
)
budgets = st.floats(1e-3, 1e3)


@settings(derandomize=True)
@given(calibrations, budgets, budgets)
def test_a_larger_budget_never_raises_the_threshold(fit: Calibration, first: float, second: float) -> None:
    small, large = sorted((first, second))
    assert fit.threshold(large) <= fit.threshold(small) + 1e-9


@settings(derandomize=True)
@given(calibrations, budgets)
def test_expected_alarms_invert_the_threshold(fit: Calibration, budget: float) -> None:
    threshold = fit.threshold(budget)
    expected = fit.expected_per_week(threshold)
    assert threshold > fit.u
    if budget >= fit.clusters_per_week or threshold < fit.u + 0.011:
        assert threshold == pytest.approx(fit.u + 0.01, abs=0.001)
    elif fit.xi > -1e-3:  # in a bounded tail, thresholds near the end are equal floats
        assert expected == pytest.approx(budget, rel=1e-4)


@settings(derandomize=True)
@given(st.floats(-100, 100), st.floats(0.05, 10), st.floats(-1e6, 1e6))
def test_a_single_score_moves_the_baseline_little(center: float, spread: float, score: float) -> None:
    before = Baseline(center=center, spread=spread, usual=spread)
    after = before.updated(score)
    assert abs(after.center - center) <= spread / 256 + 1e-9
    assert after.spread == pytest.approx(spread, rel=0.002)


@settings(derandomize=True, deadline=None)
@given(st.floats(0.05, 10), st.floats(0.05, 10), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_the_spread_stays_within_a_factor_of_two_of_the_usual_spread(
    spread: float, usual: float, scores: list[float]
) -> None:
    baseline = Baseline(center=0.0, spread=max(spread, usual), usual=usual)
    widest = max(baseline.spread, 2 * usual)
    for score in scores * 200:
        baseline = baseline.updated(score)
        assert usual / 2 <= baseline.spread <= widest
