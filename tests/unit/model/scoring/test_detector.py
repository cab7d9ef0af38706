"""The detector's scores on small synthetic plants."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests.unit.model.small_detector import (
    CHANNELS,
    QUICK,
    candidates,
    fitted,
    plant,
    scored,
    windows,
)
from tfstream.app.detection.score_batch import SmoothedTerms, score_batch
from tfstream.core.reading import Values
from tfstream.model.linear import predictors
from tfstream.model.scoring.bank import collect
from tfstream.model.scoring.detector import Detector
from tfstream.model.scoring.fusion import Fusion, smooth
from tfstream.model.scoring.terms import TERMS


def test_faults_score_higher_than_normal(detector: Detector) -> None:
    normal = windows(plant(1200, seed=5))
    faulty = normal.copy()
    faulty[:, -24:, 2] += 1.5
    threshold = np.quantile(scored(detector, normal), 0.95)
    assert (scored(detector, faulty) > threshold).mean() > 0.9


def test_masked_sensors_have_no_values(detector: Detector) -> None:
    batch = windows(plant(400, seed=7))
    batch[:, -10:, 3] = np.nan
    measured = detector.measure(batch, ["x"] * len(batch))
    assert np.isnan(measured.actual[:, 3]).all()
    assert np.isfinite(measured.terms).all()


def test_expected_values_are_in_the_sensors_units(detector: Detector) -> None:
    batch = windows(plant(800, seed=8))
    measured = detector.measure(batch, ["x"] * len(batch))
    assert np.abs(measured.expected - measured.actual).mean() < 0.3


def test_a_windows_numbers_do_not_depend_on_its_batch(detector: Detector) -> None:
    """Bit for bit: exactly-once delivery rests on it."""
    batch = windows(plant(1000, seed=9))
    whole = detector.measure(batch, ["x"] * len(batch))
    order = np.random.default_rng(0).permutation(len(batch))
    shuffled = detector.measure(batch[order], ["x"] * len(batch))
    alone = [detector.measure(window[None], ["x"]).terms[0] for window in batch[:40]]
    np.testing.assert_array_equal(shuffled.terms, whole.terms[order])
    np.testing.assert_array_equal(np.stack(alone), whole.terms[:40])


def test_scores_go_on_where_an_earlier_batch_ended(detector: Detector) -> None:
    """Bit for bit, after the state went through JSON: a restart must not show."""
    values = windows(plant(600, seed=11))
    whole = score_batch(detector, candidates(values, None))
    half = score_batch(detector, candidates(values[:30], None))
    kept = SmoothedTerms(half[-1].terms.end_index, tuple(json.loads(json.dumps(half[-1].terms.values))))
    rest = score_batch(detector, candidates(values[30:], kept, first=30))
    assert [window.score for window in half + rest] == [window.score for window in whole]
    alone = score_batch(detector, candidates(values[30:], None, first=30))
    assert alone[0].score != rest[0].score


def test_a_gap_ends_the_smoothing(detector: Detector) -> None:
    values = windows(plant(300, seed=11))
    after_gap = score_batch(detector, candidates(values[5:], SmoothedTerms(63, (9.0,) * len(TERMS)), first=5))
    fresh = score_batch(detector, candidates(values[5:], None, first=5))
    assert [window.score for window in after_gap] == [window.score for window in fresh]


def test_hops_smooth_v_as_rows_would() -> None:
    """The hop-wise exponential mean of V is the row-wise one over ``memory_rows``."""
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.normal(size=(72, 3)).astype(np.float32))
    linear = predictors.fit(values[:64][None].repeat(4, 1, 1), QUICK)
    lagged = torch.stack([values[row - 8 : row].flatten() for row in range(56, 72)])
    errors = (values[56:] - (lagged @ linear.var_weights)).square().double().numpy()
    first, second = (
        linear.row_errors(values[at : at + 64][None], QUICK)[0].double().numpy() for at in (0, 8)
    )
    by_hop = smooth(second, first, QUICK)
    by_row = first
    for error in errors[8:]:
        by_row = by_row + (error - by_row) / QUICK.memory_rows
    np.testing.assert_allclose(by_hop, by_row, rtol=1e-4)


def test_an_error_that_normal_data_showed_is_expected() -> None:
    """A rare but normal event is in the bank with the error that comes with it."""
    recent = torch.zeros(50, 16, 2)
    recent[10, -4:] = 3.0
    usual = torch.full((50,), 1.0)
    usual[10] = 40.0
    bank, chosen = collect(recent, usual, 10_000)
    assert len(chosen) == 50
    distance, expected = bank.nearest(recent[[10, 11]], 1)
    torch.testing.assert_close(expected, torch.tensor([40.0, 1.0]))
    assert distance.max() < 1e-3
    left_out = torch.zeros(2, 50, dtype=torch.bool)
    left_out[0, 10] = True
    distance, expected = bank.nearest(recent[[10, 11]], 1, left_out)
    torch.testing.assert_close(expected, torch.tensor([1.0, 1.0]))
    assert distance[0] > 0.1
    assert len(collect(recent, usual, 320)[0].usual) == 10


def test_no_term_drowns_v() -> None:
    """A V that is large enough scores higher than all other terms together, however large."""
    fusion = Fusion(np.zeros(len(TERMS)), np.ones(len(TERMS)), np.ones(len(TERMS)), np.zeros((1, len(TERMS))))
    terms = np.full((2, len(TERMS)), 1e30)
    terms[0, 0], terms[1, 0] = 1.0, 1e30
    low, high = fusion.scores(terms, np.ones(2), np.zeros((2, 1)))
    assert low < 70 < high


def test_a_larger_fault_scores_higher(detector: Detector) -> None:
    """Also far beyond the values in training."""
    normal = windows(plant(700, seed=12))
    medians = []
    for size in (0.5, 1.0, 2.0, 4.0, 8.0):
        faulty = normal.copy()
        faulty[:, -6:, 1] += size
        medians.append(float(np.median(scored(detector, faulty))))
    assert medians == sorted(medians)
    assert medians[-1] > medians[-2] + 0.5


def test_windows_of_another_shape_are_refused(detector: Detector) -> None:
    with pytest.raises(ValueError, match="shape"):
        detector.measure(np.zeros((1, 64, CHANNELS + 1), np.float32), ["x"])


@pytest.mark.parametrize("silent", range(CHANNELS))
def test_a_silent_sensor_does_not_spoil_the_errors_of_others(silent: int) -> None:
    """V's prediction replaces a missing value; the mean in its place would look like a fault."""
    rng = np.random.default_rng(0)
    level = np.cumsum(0.1 * rng.normal(size=(3000, 2)), axis=0) @ np.random.default_rng(9).normal(size=(2, 6))
    values = (level + 0.05 * rng.normal(size=(3000, CHANNELS)) + 10).astype(np.float32)
    linear = predictors.fit(torch.from_numpy(windows(_standard(values))), QUICK)
    whole = torch.from_numpy(windows(_standard(values))[-100:])
    holed = whole.clone()
    holed[:, -40:, silent] = torch.nan
    others = [channel for channel in range(CHANNELS) if channel != silent]

    def errors(of: torch.Tensor) -> torch.Tensor:
        return linear.row_errors(of, QUICK)[:, others].mean()

    usual = errors(whole)
    assert errors(linear.fill_missing(holed, QUICK)) < 1.3 * usual
    assert errors(holed.nan_to_num()) > 2 * usual  # the control
    torch.testing.assert_close(linear.fill_missing(whole, QUICK), whole)


def _standard(values: Values) -> Values:
    return np.asarray((values - values.mean(0)) / values.std(0), dtype=np.float32)


def test_a_window_with_missing_cells_does_not_depend_on_its_batch(detector: Detector) -> None:
    batch = windows(plant(700))
    batch[:, :, 1] = np.nan
    batch[20:40, 30:, 3] = np.nan
    whole = detector.measure(batch, ["x"] * len(batch))
    alone = [detector.measure(window[None], ["x"]).terms[0] for window in batch]
    np.testing.assert_array_equal(whole.terms, np.stack(alone))


def test_a_sensor_without_training_changes_no_score_when_it_begins_to_send() -> None:
    values = plant(900)
    learnt = values.copy()
    learnt[:, 2] = np.nan
    detector = fitted(learnt)
    sending, silent = windows(values[600:]), windows(learnt[600:])
    np.testing.assert_array_equal(scored(detector, sending), scored(detector, silent))
