"""Bounds of a rate, against published tables."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.core.alarms.poisson import mean_bounds


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (20, 12.217, 30.888), (100, 81.364, 121.627)],
)
def test_the_published_bounds(count: int, low: float, high: float) -> None:
    """Garwood 1936."""
    assert mean_bounds(count) == pytest.approx((low, high), abs=1e-3)


def test_many_alarms_have_narrow_bounds() -> None:
    low, high = mean_bounds(10_000)
    assert low < 10_000 < high
    assert high - low == pytest.approx(2 * 1.96 * 100, rel=0.02)


def test_the_bounds_contain_the_true_mean_at_least_as_often_as_promised() -> None:
    counts = np.random.default_rng(0).poisson(3.0, 2000)
    bounds = {count: mean_bounds(count) for count in set(counts.tolist())}
    within = [bounds[count][0] <= 3.0 <= bounds[count][1] for count in counts.tolist()]
    assert np.mean(within) >= 0.95
