"""The scale of a channel: units in which a fault of any sensor is visible."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler

ROWS = 1000


def channels(*columns: np.ndarray) -> Values:
    return np.stack(columns, axis=1).astype(np.float32)


def noise(seed: int, *, mean: float = 0.0, deviation: float = 1.0) -> np.ndarray:
    return mean + deviation * np.random.default_rng(seed).normal(size=ROWS)


def scaler(values: Values, asset: str = "x") -> Scaler:
    return Scaler.fit([Series(asset, np.arange(len(values)), values)])


def scale_of(*columns: np.ndarray) -> list[float]:
    scales: list[float] = scaler(channels(*columns)).scale[-1].tolist()
    return scales


def test_a_measured_channel_has_its_deviation() -> None:
    assert scale_of(noise(0, mean=50, deviation=2))[0] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("positions", [(0.0, 1.0), (2.0, 5.0), (0.0, 1.0, 2.0)])
def test_the_scale_of_a_switch_is_its_range_however_rarely_it_moves(positions: tuple[float, ...]) -> None:
    valve = np.full(ROWS, positions[0])
    for number, position in enumerate(positions[1:]):
        valve[100 * (number + 1)] = position
    assert scale_of(noise(0), valve)[1] == pytest.approx(positions[-1] - positions[0])


def test_four_values_are_no_switch() -> None:
    steps = np.arange(ROWS) % 4.0
    assert scale_of(noise(0), steps)[1] == pytest.approx(steps.std(), rel=1e-6)


def valve(rows: int) -> np.ndarray:
    """Shut, and open in ``rows`` rows."""
    position = np.zeros(ROWS)
    position[np.linspace(100, 900, rows).astype(int)] = 100.0
    return position


@pytest.mark.parametrize(
    ("clean", "width"), [(noise(1), 1.0), (valve(5), 100.0), (valve(1), 100.0), (np.full(ROWS, 5.0), 1.0)]
)
def test_readings_of_a_broken_transmitter_do_not_widen_the_scale(clean: np.ndarray, width: float) -> None:
    broken = clean.copy()
    broken[[10, 500]] = 1e30, -1e30
    fitted = scaler(channels(noise(0), broken))
    assert fitted.scale[-1, 1] == pytest.approx(width, rel=0.05)
    assert fitted.location[-1, 1] == pytest.approx(clean.mean(), rel=0.01, abs=0.1)


def test_a_value_that_recurs_counts_however_far_it_is() -> None:
    measured = valve(7) + 0.01 * noise(1)
    assert scale_of(noise(0), measured)[1] == pytest.approx(measured.std(), rel=1e-3)


def test_rounding_errors_are_no_movement() -> None:
    assert scale_of(noise(0), 1e-12 * noise(1))[1] == pytest.approx(scale_of(noise(0))[0])


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3, 1e20])
def test_a_fault_is_visible_in_any_unit(unit: float) -> None:
    """The scale stays near the deviation, whatever the units of the other sensors."""
    assert scale_of(noise(0), unit * noise(1, mean=10, deviation=2))[1] <= unit * 2.2


def test_a_small_restless_channel_is_held_down_within_bounds() -> None:
    """The floor: a twentieth of the usual width, as long as that is no more than a tenth of its size."""
    still = noise(1, mean=1, deviation=0.001)
    assert scale_of(noise(0), still)[1] == pytest.approx(0.05 * 0.5, rel=0.1)
    assert scale_of(noise(0, deviation=1000), still)[1] == pytest.approx(0.1, rel=0.01)


def test_a_constant_has_the_usual_width_or_a_hundredth_of_its_size() -> None:
    constant = np.full(ROWS, 5000.0)
    assert scale_of(noise(0), constant)[1] == pytest.approx(50)
    assert scale_of(noise(0, deviation=300), constant)[1] == pytest.approx(300, rel=0.1)


def test_a_switch_that_rests_on_an_asset_has_the_scale_of_the_others() -> None:
    moving, resting = np.arange(ROWS) % 2 * 4.0, np.zeros(ROWS)
    fitted = Scaler.fit(
        [
            Series("a", np.arange(ROWS), channels(noise(0), moving)),
            Series("b", np.arange(ROWS), channels(noise(1), resting)),
        ]
    )
    assert fitted.assets == ("a", "b")
    assert fitted.scale[1, 1] == 4.0
    assert fitted.location[1, 1] == 0.0


def test_a_channel_without_training_has_no_standard_units() -> None:
    learnt = scaler(channels(noise(0), np.full(ROWS, np.nan)))
    transformed = learnt.transform(channels(noise(1), noise(2))[None], ["x"])[0]
    assert not np.isnan(transformed[:, 0]).any()
    assert np.isnan(transformed[:, 1]).all()
