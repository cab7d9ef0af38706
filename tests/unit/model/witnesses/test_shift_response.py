"""A shift of levels that is taken away again: every statistic is what it would be without the shift."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.unit.model.witnesses.steady_plant import LEARNT_ROWS, FittedWitnesses, fit_to, steady_plant
from tfstream.core.alarms.standing_levels import LevelShift, shifted_rows
from tfstream.model.witnesses.advance import NewRows
from tfstream.model.witnesses.shift_estimate import estimate_shift

_ROWS = 900
_SHIFT = LevelShift(row=203, sensors=(1, 4), sizes=(3.0, -6.0))
_HOME = LevelShift(row=203, sensors=(1, 4), sizes=(3.0, -6.0), home_row=605)


@pytest.fixture(scope="module")
def fitted() -> FittedWitnesses:
    return fit_to(steady_plant(LEARNT_ROWS))


def _shifted(shift: LevelShift) -> np.ndarray:
    values = steady_plant(_ROWS, seed=3)
    stop = _ROWS if shift.home_row is None else shift.home_row
    values[shift.row : stop, list(shift.sensors)] += np.array(shift.sizes, dtype=np.float32)
    return values


@pytest.mark.parametrize("shift", [_SHIFT, _HOME])
def test_statistics_compare_the_rows_as_they_would_be_without_the_shift(
    fitted: FittedWitnesses, shift: LevelShift
) -> None:
    calm = fitted.advance(NewRows("x", None, steady_plant(_ROWS, seed=3), _ROWS - 1))
    shifted = fitted.advance(NewRows("x", None, _shifted(shift), _ROWS - 1, (shift,)))
    for before, after in zip(calm.grids, shifted.grids, strict=True):
        for kind, rows in enumerate(before.compared[:4]):
            np.testing.assert_allclose(after.compared[kind], rows, atol=1e-3)
        np.testing.assert_allclose(after.values, before.values, rtol=2e-2, atol=1e-3)


def test_other_assets_of_the_batch_stay_as_they_are(fitted: FittedWitnesses) -> None:
    values = steady_plant(_ROWS, seed=3)
    other = NewRows("y", None, values, _ROWS - 1)
    alone = fitted.advance(other)
    both = fitted.advance(NewRows("x", None, _shifted(_SHIFT), _ROWS - 1, (_SHIFT,)), other)
    rows = both.grids[0].entered.assets[both.grids[0].entered.rounds.asset] == 1
    np.testing.assert_array_equal(both.grids[0].values[rows], alone.grids[0].values)


@pytest.mark.parametrize("sizes", [(7, 300, 1), (64, 64, 64)])
def test_values_do_not_depend_on_the_batches(fitted: FittedWitnesses, sizes: tuple[int, ...]) -> None:
    values = _shifted(_SHIFT)
    whole = fitted.advance(NewRows("x", None, values, _ROWS - 1, (_SHIFT,)))
    parts = list(_in_batches(fitted, values, sizes))
    np.testing.assert_array_equal(np.concatenate(parts), whole.grids[0].values)


def _in_batches(fitted: FittedWitnesses, values: np.ndarray, sizes: tuple[int, ...]) -> Iterator[np.ndarray]:
    from tfstream.model.witnesses.witness_state import StoredState

    state, at = None, 0
    for size in [*sizes, len(values)]:
        some = values[at : at + size]
        at += len(some)
        advanced = fitted.advance(NewRows("x", state, some, at - 1, (_SHIFT,)))
        state = StoredState(advanced.states.encode()[0], same_model=True)
        yield advanced.grids[0].values


def test_an_estimate_finds_the_shifted_sensors_and_their_sizes(fitted: FittedWitnesses) -> None:
    advanced = fitted.advance(NewRows("x", None, _shifted(_SHIFT), _ROWS - 1))
    comparison, level = fitted.model.grids[1].comparisons[3], advanced.grids[1].compared[3][-1]
    scale = fitted.scaler.scale[0]
    estimated = estimate_shift(comparison, level)
    sizes = dict(zip(estimated.sensors, estimated.sizes, strict=True))
    assert sizes[1] * scale[1] == pytest.approx(3.0, abs=1.0)
    assert sizes[4] * scale[4] == pytest.approx(-6.0, abs=2.0)
    without = level.copy()
    without[list(estimated.sensors)] -= np.array(estimated.sizes, dtype=np.float32)
    assert comparison.largest(comparison.departures(without[None]))[0] <= 1.3


def test_rows_of_the_stream_without_the_shift_are_those_before_it() -> None:
    values = _shifted(_HOME)
    np.testing.assert_allclose(
        shifted_rows(values, [_HOME], _ROWS - 1), steady_plant(_ROWS, seed=3), atol=1e-3
    )
    window = values[190:254]
    np.testing.assert_allclose(
        shifted_rows(window, [_HOME], 253), steady_plant(_ROWS, seed=3)[190:254], atol=1e-3
    )
