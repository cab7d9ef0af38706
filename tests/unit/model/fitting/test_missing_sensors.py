"""A missing sensor must not look like a fault of the others, and must not hide one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.model.small_detector import QUICK, fitted, plant, scored, windows
from tfstream.model.scoring.detector import Detector

SENSORS = 4


@pytest.fixture(scope="module")
def few() -> Detector:
    return fitted(plant(1500, channels=SENSORS), QUICK)


@pytest.mark.parametrize("sensor", range(SENSORS))
def test_normal_windows_without_a_sensor_score_like_other_normal_windows(few: Detector, sensor: int) -> None:
    batch = windows(plant(1200, seed=5, channels=SENSORS))
    without = batch.copy()
    without[:, :, sensor] = np.nan
    usual, threshold = few.calibration.pooled, few.calibration.threshold(1.0)
    level = (np.median(scored(few, without)) - usual.center) / usual.spread
    assert level < threshold / 4
    unaware = few.fusion._replace(rises=np.zeros_like(few.fusion.rises))
    before = scored(replace(few, fusion=unaware), without)
    assert np.median(scored(few, without)) < np.median(before)


def test_a_fault_beside_a_missing_sensor_scores_high(few: Detector) -> None:
    batch = windows(plant(1200, seed=5, channels=SENSORS))
    batch[:, :, 1] = np.nan
    faulty = batch.copy()
    faulty[:, -12:, 2] += 3.0
    assert np.median(scored(few, faulty)) > np.quantile(scored(few, batch), 0.99)


def test_complete_windows_have_no_missing_part(few: Detector) -> None:
    batch = windows(plant(300, seed=5, channels=SENSORS))
    assert not few.measure(batch, ["x"] * len(batch)).missing.any()
