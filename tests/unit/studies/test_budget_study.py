"""The other methods of the budget's study do what their papers say; its bounds are those of Poisson."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.quality.budget_table import poisson_bounds, render
from tests.studies.quality.threshold_methods import THRESHOLD_METHODS, dspot, dynamic, spot


@pytest.mark.parametrize("name", THRESHOLD_METHODS)
def test_every_method_finds_a_spike(name: str) -> None:
    rng = np.random.default_rng(0)
    scores = 5 + rng.exponential(size=2000)
    scores[1500:1503] = 100.0
    assert THRESHOLD_METHODS[name](5 + rng.exponential(size=1000), scores, 1e-4)[1500:1503].all()


@pytest.mark.parametrize("tail", [0.2, 0.0, -0.3])
def test_spot_keeps_its_risk(tail: float) -> None:
    """On independent scores of a generalised Pareto, with much to begin with.

    With little its rate rises: it does not learn from its own alarms, so that its tail comes out too light.
    """
    exponential = np.random.default_rng(1).exponential(size=130_000)
    scores = exponential if tail == 0 else np.expm1(tail * exponential) / tail
    exceeds = spot(scores[:100_000], scores[100_000:], 1e-3)
    assert 0.7 < exceeds.mean() / 1e-3 < 1.4


def test_dspot_follows_a_drift_that_spot_alarms_on() -> None:
    rng = np.random.default_rng(2)
    initial, scores = rng.normal(size=1000), rng.normal(size=4000) + np.linspace(0, 20, 4000)
    assert spot(initial, scores, 1e-4).sum() > 1000
    assert dspot(initial, scores, 1e-4).sum() < 20


def test_a_dynamic_threshold_leaves_alone_what_hardly_stands_out() -> None:
    """A highest run that is a twentieth above the next lower score is pruned, a peak of its own is not."""
    initial = np.tile([1.0, 2.0, 3.0], 400)
    scores = np.tile([1.0, 2.0, 3.0], 70)
    scores[100] = 30.0
    assert dynamic(initial, scores, 0.0)[100]
    scores[[40, 100]] = 28.5, 30.0
    assert dynamic(initial, scores, 0.0)[[40, 100]].tolist() == [True, True]
    scores[:] = np.tile([1.0, 2.0, 3.0], 70)
    scores[100] = 3.15
    assert not dynamic(initial, scores, 0.0).any()


def test_poisson_bounds() -> None:
    assert poisson_bounds(8.0) == (3, 14)
    assert poisson_bounds(0.02) == (0, 0)
    low, high = poisson_bounds(10_000.0)
    assert (low, high) == pytest.approx((10_000 - 196, 10_000 + 196), abs=2)


def test_extrapolated_budgets_have_their_own_table() -> None:
    case = {
        "name": "quiet 0",
        "calibration_weeks": 1.0,
        "clusters": 12,
        "weeks": 8.0,
        "extrapolated": [True, False],
        "alarms": {"tfstream": [4, 44], "SPOT": [9, 20]},
    }
    text = render({"budgets": [1.0, 5.0], "streams": [case], "sequences": [case]})
    within, extrapolated = (part.split("### ")[0] for part in text.split("detector, ")[1:])
    assert "| 5 | tfstream | 1 | 1.10 | 1.10 | 100% | 100% |" in within
    assert "| 1 | tfstream | 1 | 0.50 | 0.50 | 100% | 100% |" in extrapolated
    assert "| 1 | SPOT | 1 | 1.12 |" in extrapolated
    assert "| quiet 0 | 1.00 + 8.00 | 12 | 4 (3-14) * | 44 (28-53) |" in text
