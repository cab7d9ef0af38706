"""What a faulty sensor shows instead of its values."""

from __future__ import annotations

import numpy as np

from tfstream.core.faults.sensor_faults import SIZES, SensorFault, faulty_values
from tfstream.core.reading import Values

CLEAN: Values = np.linspace(10, 12, 50, dtype=np.float32)


def shown(fault: SensorFault, amount: float) -> Values:
    return faulty_values(fault, CLEAN, 9.5, amount, np.random.default_rng(3))


def test_an_offset_and_a_drift_go_as_far_as_their_size() -> None:
    np.testing.assert_allclose(np.abs(shown(SensorFault.OFFSET, 2) - CLEAN), 2, rtol=1e-5)
    drift = np.abs(shown(SensorFault.DRIFT, 2) - CLEAN)
    np.testing.assert_allclose(drift, 2 * np.arange(1, 51) / 50, rtol=1e-4)


def test_noise_has_its_size_as_its_deviation() -> None:
    rows: Values = np.zeros(20_000, dtype=np.float32)
    noise = faulty_values(SensorFault.NOISE, rows, 0.0, 3.0, np.random.default_rng(1))
    assert abs(noise.std() - 3) < 0.1


def test_a_stuck_sensor_repeats_its_last_value_exactly() -> None:
    assert set(shown(SensorFault.STUCK, 1).tolist()) == {9.5}


def test_draws_do_not_depend_on_the_size_and_missing_values_stay_missing() -> None:
    for fault in SensorFault:
        if fault.sized:
            np.testing.assert_allclose(
                (shown(fault, 4) - CLEAN), 2 * (shown(fault, 2) - CLEAN), rtol=1e-3, atol=1e-5
            )
        gap = CLEAN.copy()
        gap[7] = np.nan
        faulty = faulty_values(fault, gap, 9.5, 1.0, np.random.default_rng(0))
        assert np.flatnonzero(np.isnan(faulty)).tolist() == [7]


def test_the_sizes_grow_by_half_octaves() -> None:
    assert SIZES[0] == 0.062
    assert SIZES[-1] == 8
    np.testing.assert_allclose(np.diff(np.log2(SIZES)), 0.5, atol=0.1)
