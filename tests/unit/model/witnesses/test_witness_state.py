"""What is kept of an asset: as bytes, under another model, and with more or fewer grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tfstream.model.witnesses.pyramid import GRID_ROWS
from tfstream.model.witnesses.witness_state import GridStates, StoredState, WitnessStates

SENSORS = 3


def arrays(grid: GridStates) -> list[NDArray[Any]]:
    return [grid.lags, grid.levels, grid.total, grid.mean_error, *grid[4:]]


def numbered(grids: int = 4) -> bytes:
    """A state of which every number differs."""
    states = WitnessStates(GRID_ROWS[:grids], SENSORS, [None])
    for level, grid in enumerate(states.grids):
        for number, cells in enumerate(arrays(grid)):
            cells[...] = 1000 * level + 100 * number + np.arange(cells.size).reshape(cells.shape)
        grid.seen[:] = level + 1
    return states.encode()[0]


def test_a_state_is_restored_from_its_bytes() -> None:
    data = numbered()
    states = WitnessStates(GRID_ROWS, SENSORS, [None, StoredState(data, same_model=True), None])
    again = WitnessStates(GRID_ROWS, SENSORS, [StoredState(data, same_model=True)])
    for grid, alone in zip(states.grids, again.grids, strict=True):
        for cells, expected in zip(arrays(grid), arrays(alone), strict=True):
            np.testing.assert_array_equal(cells[1], expected[0])
            assert cells[1].any()
            assert not cells[[0, 2]].any()
    assert states.encode() == [b"", data, b""]


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"0" * 8, lambda data: b"state"]
)
def test_foreign_bytes_are_not_used(change: object) -> None:
    foreign = change(numbered())  # type: ignore[operator]
    states = WitnessStates(GRID_ROWS, SENSORS, [StoredState(foreign, same_model=True)])
    assert states.encode() == [b""]


def test_the_bytes_of_other_sensors_are_not_used() -> None:
    states = WitnessStates(GRID_ROWS, SENSORS + 1, [StoredState(numbered(), same_model=True)])
    assert states.encode() == [b""]


def test_another_model_takes_over_rows_and_levels_but_not_errors() -> None:
    data = numbered()
    own, other = (
        WitnessStates(GRID_ROWS, SENSORS, [StoredState(data, same_model=same)]) for same in (True, False)
    )
    for kept, before in zip(other.grids, own.grids, strict=True):
        for name in ("lags", "levels", "total", "seen", "collected"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(before, name))
        for name in ("mean_error", "log_distance", "fired"):
            assert getattr(before, name).any()
            assert not getattr(kept, name).any()


def test_a_model_may_have_more_or_fewer_grids_than_the_model_before() -> None:
    data = numbered()
    fewer = WitnessStates(GRID_ROWS[:2], SENSORS, [StoredState(data, same_model=False)])
    kept = fewer.encode()[0]
    assert len(kept) < len(data)
    more = WitnessStates(GRID_ROWS, SENSORS, [StoredState(kept, same_model=True)])
    assert more.encode() == [kept]
    assert [bool(grid.seen[0]) for grid in more.grids] == [True, True, False, False]
