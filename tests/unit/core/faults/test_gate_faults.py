"""Every kind of gate fault does what its name says, and no kind is a training fault."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tfstream.core.faults import gate_faults, training_faults
from tfstream.core.faults.gate_faults import BEFORE_ROWS, KINDS, TRIAL_ROWS, make_fault
from tfstream.core.reading import Values

Cells = NDArray[np.float64]

MEDIOCRE = {name: kind.most / (8 if kind.most > 1 else 1) for name, kind in KINDS.items()}


def noise(sensors: int = 5, seed: int = 0, rows: int = BEFORE_ROWS + TRIAL_ROWS) -> Values:
    """Autocorrelated noise, partly shared by the sensors."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=(rows, sensors)) + rng.normal(size=(rows, 1))
    for row in range(1, rows):
        shocks[row] = 0.8 * shocks[row - 1] + 0.6 * shocks[row]
    values: Values = (shocks / shocks.std(0)).astype(np.float32)
    return values


def changed(name: str, amount: float, seed: int = 0) -> tuple[Cells, Cells, Cells]:
    """Values before the fault, true values, shown values ``[n, k]`` of the channels that it changes."""
    rows = noise(seed=seed)
    shown = make_fault(name, rows, amount, np.random.default_rng(seed))
    touched = (shown != rows[-TRIAL_ROWS:]).any(axis=0)
    assert touched.any()
    before, truth = rows[:-TRIAL_ROWS, touched], rows[-TRIAL_ROWS:, touched]
    return before.astype(float), truth.astype(float), shown[:, touched].astype(float)


@pytest.mark.parametrize("name", KINDS)
def test_a_fault_is_repeatable_grows_and_spares_most_channels(name: str) -> None:
    rows = noise()
    once, again, other = (
        make_fault(name, rows, MEDIOCRE[name], np.random.default_rng(seed)) for seed in (3, 3, 5)
    )
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
    small = make_fault(name, rows, MEDIOCRE[name] / 8, np.random.default_rng(3))
    truth = rows[-TRIAL_ROWS:]
    assert np.square(small - truth).sum() < np.square(once - truth).sum()
    assert (once == truth).all(axis=0).any()


@pytest.mark.parametrize("name", KINDS)
def test_missing_values_stay_missing(name: str) -> None:
    rows = noise()
    rows[-5:] = np.nan
    shown = make_fault(name, rows, MEDIOCRE[name], np.random.default_rng(0))
    assert np.isnan(shown[-5:]).all()
    assert np.isfinite(shown[:-5]).all()


def test_sticking_follows_within_its_band() -> None:
    _, truth, shown = changed("sticking", 0.7)
    assert np.abs(shown - truth).max() <= 0.7
    still = np.diff(shown, axis=0) == 0
    assert 0.2 < still.mean() < 1


def test_wandering_leaves_and_comes_back() -> None:
    errors = [shown - truth for _, truth, shown in (changed("wandering", 2.0, seed) for seed in range(30))]
    away = [np.mean([np.abs(error[row]).mean() for error in errors]) for row in (0, TRIAL_ROWS // 2, -1)]
    assert away[0] < away[1]
    assert away[2] < 1e-6
    steps = np.concatenate([np.diff(error, axis=0).ravel() for error in errors])
    assert steps.std() == pytest.approx(2.0 / np.sqrt(TRIAL_ROWS), rel=0.2)


def test_one_sided_gain_changes_one_side_of_the_middle() -> None:
    _, truth, shown = changed("one-sided gain", 1.0)
    error, above = shown - truth, truth > np.median(truth, axis=0)
    for channel in range(truth.shape[1]):
        high, low = error[above[:, channel], channel], error[~above[:, channel], channel]
        assert (np.abs(high).max() < 1e-5) != (np.abs(low).max() < 1e-5)


def test_a_loose_contact_comes_and_goes() -> None:
    _, truth, shown = changed("loose contact", 1.5, seed=1)
    error = (shown - truth)[:, 0]
    on = np.abs(error) > 0.5
    np.testing.assert_allclose(np.abs(error[on]), 1.5, rtol=1e-4)
    assert np.abs(error[~on]).max() < 1e-4
    assert np.diff(on).sum() >= 3


def test_hum_has_one_period() -> None:
    _, truth, shown = changed("hum", 1.0)
    power = np.square(np.abs(np.fft.rfft((shown - truth)[:, 0] * np.hanning(TRIAL_ROWS))))
    peak = int(power.argmax())
    assert power[max(peak - 2, 0) : peak + 3].sum() > 0.9 * power.sum()


def test_lag_shows_earlier_true_values() -> None:
    before, truth, shown = changed("lag", 5.0)
    np.testing.assert_allclose(shown, np.concatenate([before, truth])[-TRIAL_ROWS - 5 : -5], atol=1e-5)


def test_lost_correlation_keeps_level_and_size() -> None:
    parts = [changed("lost correlation", 1.0, seed) for seed in range(30)]
    late = slice(8, None)
    correlation = [np.corrcoef(truth[late, 0], shown[late, 0])[0, 1] for _, truth, shown in parts]
    size = [shown[late].std() / np.concatenate([before, truth]).std() for before, truth, shown in parts]
    assert abs(np.mean(correlation)) < 0.2
    assert np.mean(size) == pytest.approx(1.0, abs=0.2)


def test_dropout_repeats_the_last_reading() -> None:
    before, truth, shown = changed("dropout", 0.5)
    lost = (shown != truth).any(axis=1)
    assert 0.3 < lost.mean() < 0.7
    carried = np.concatenate([before[-1:], shown])
    np.testing.assert_array_equal(shown[lost], carried[:-1][lost])


def test_channel_swap_exchanges_two_channels() -> None:
    _, truth, shown = changed("channel swap", 1.0)
    assert truth.shape[1] == 2
    np.testing.assert_allclose(shown, truth[:, ::-1], atol=1e-6)


def test_a_single_sensor_has_fewer_kinds() -> None:
    assert set(KINDS) - set(gate_faults.kinds_for(1)) == {"lost correlation", "channel swap"}
    assert gate_faults.kinds_for(2) == list(KINDS)


def test_no_kind_is_a_training_fault() -> None:
    assert not set(KINDS) & set(training_faults.KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_no_training_fault_explains_a_gate_fault(name: str) -> None:
    """The nearest shift, stuck, drift or gain, of whatever size, leaves most of the change unexplained.

    Noise, a foreign segment and a spike have no shape of their own to be fitted.
    """
    left = [
        _unexplained(truth[:, channel], shown[:, channel])
        for _, truth, shown in (changed(name, MEDIOCRE[name], seed) for seed in range(20))
        for channel in range(truth.shape[1])
    ]
    assert np.mean(left) > 1 / 3


def _unexplained(truth: Cells, shown: Cells) -> float:
    """The part of the change that the closest training fault leaves unexplained."""
    error = shown - truth
    shapes = (np.ones(TRIAL_ROWS), truth[0] - truth, np.linspace(0, 1, TRIAL_ROWS), truth)
    explained = [np.square(error @ shape) / np.square(shape).sum() for shape in shapes]
    return float(1 - max(explained) / np.square(error).sum())
