"""A counter beside sensors is differenced in training and in scoring alike, at one place."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.model.small_detector import fitted, plant, windows
from tfstream.core.reading import Values
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.detector import Detector

QUICK = DetectorConfig(steps=5)


def with_counter(rows: int, start: float, seed: int = 0) -> Values:
    """A plant whose last sensor counts what the first one shows."""
    values = plant(rows, seed)
    rise = 2.0 + 0.2 * values[:, 0].astype(np.float64)
    values[:, -1] = start + np.cumsum(np.abs(rise))
    return values


@pytest.fixture(scope="module")
def counting() -> Detector:
    return fitted(with_counter(1200, start=1000.0), QUICK)


def test_the_model_names_the_counter(counting: Detector) -> None:
    metrics = counting.describe()
    assert metrics["counters"] == ["s5"]
    assert metrics["checks_off"]["the sensor is a counter"] == ["s5 (all checks but stuck)"]


def test_the_level_of_a_counter_changes_no_score(counting: Detector) -> None:
    """A counter that goes on, is exchanged, or starts again: only what it rises by counts."""
    low, high = (with_counter(400, start, seed=1) for start in (4000.0, 8000.0))
    measured = [counting.measure(windows(values), ["x"] * 43) for values in (low, high)]
    np.testing.assert_allclose(measured[0].terms, measured[1].terms, rtol=0.15, atol=0.05)
    rise = measured[0].actual[:, -1]
    assert 1.0 < rise.min() < rise.max() < 3.0  # in a row
    np.testing.assert_allclose(measured[0].expected[:, -1], rise, atol=0.5)
    assert np.abs(counting.departures(low[-64:], "x")).max() < 3


def test_a_bundle_keeps_the_limits(counting: Detector) -> None:
    stored = bundle.dump(counting)
    again = bundle.load(stored)
    assert again.instruments.encode() == counting.instruments.encode()
    assert again.counters.columns == (5,)
    assert bundle.dump(again) == stored
