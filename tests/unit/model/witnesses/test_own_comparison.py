"""Comparisons of an asset's own: what they hear, whose rows they compare, and what they do not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.model.witnesses.mixed_plant import fit_to_mixed, mixed_plant
from tests.unit.model.witnesses.steady_plant import SENSORS, FittedWitnesses
from tfstream.model.witnesses.advance import NewRows
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.pyramid import FIRST_LEVELS

ASSETS = ("a", "b", "c", "d")
FAULTY = 2  # the number of a sensor


@pytest.fixture(scope="module")
def mixed() -> FittedWitnesses:
    return fit_to_mixed(*ASSETS)


def without_own(fitted: FittedWitnesses) -> FittedWitnesses:
    grids = tuple(replace(grid, own={}) for grid in fitted.model.grids)
    return fitted._replace(model=replace(fitted.model, grids=grids))


def levels(fitted: FittedWitnesses, asset: str, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The statistic of levels over 4 rows of each row."""
    advanced = fitted.advance(NewRows(asset, None, values, len(values) - 1))
    return advanced.grids[0].values[:, FIRST_LEVELS]


@pytest.mark.parametrize("asset", ASSETS)
def test_an_offset_shows_that_the_common_comparison_cannot_see(mixed: FittedWitnesses, asset: str) -> None:
    values = mixed_plant(asset, 900, seed=5)
    values[600:, FAULTY] += 0.2 * values[:, FAULTY].std()
    own, common = (levels(fitted, asset, values) for fitted in (mixed, without_own(mixed)))
    assert np.median(own[610:]) > 1.2 * np.nanmax(own[:600])
    assert np.median(common[610:]) < np.nanmax(common[:600])


def test_the_sensor_to_blame_comes_from_the_own_comparison(mixed: FittedWitnesses) -> None:
    values = mixed_plant("b", 900, seed=5)
    values[600:, FAULTY] += 0.5 * values[:, FAULTY].std()
    grid = mixed.advance(NewRows("b", None, values, 899)).grids[0]
    blamed = mixed.model.grids[0].blame(FIRST_LEVELS, grid.compared[FIRST_LEVELS][-1], "b", 899)
    assert blamed[0].sensor == FAULTY
    assert blamed[0].excess == pytest.approx(0.5, abs=0.15)
    assert blamed[0].strength == pytest.approx(grid.values[-1, FIRST_LEVELS], rel=1e-3)


def test_an_asset_that_was_not_learnt_has_the_common_comparison(mixed: FittedWitnesses) -> None:
    values = mixed_plant("new", 300)
    np.testing.assert_array_equal(levels(mixed, "new", values), levels(without_own(mixed), "new", values))
    row = np.ones(SENSORS, dtype=np.float32)
    blamed = [each.model.grids[0].blame(FIRST_LEVELS, row, "new", 1) for each in (mixed, without_own(mixed))]
    assert blamed[0] == blamed[1]


def test_no_number_depends_on_the_other_assets_of_a_batch(mixed: FittedWitnesses) -> None:
    batch = [
        NewRows(asset, None, mixed_plant(asset, rows, seed=5), 299)
        for asset, rows in (("c", 31), ("new", 8), ("a", 300), ("other", 17), ("d", 1))
    ]
    together = mixed.advance(*batch)
    for number, new in enumerate(batch):
        alone = mixed.advance(new)
        assert together.states.encode()[number] == alone.states.encode()[0]
        for grid, expected in zip(together.grids, alone.grids, strict=False):
            rows = grid.entered.assets[grid.entered.rounds.asset] == number
            if rows.any():
                np.testing.assert_array_equal(grid.values[rows], expected.values)


def test_a_row_is_compared_alike_wherever_it_lies(mixed: FittedWitnesses) -> None:
    values = mixed_plant("a", 100, seed=5)
    grid: GridModel = mixed.model.grids[0]
    numbers = np.arange(100) % 3
    whole = grid.statistic(FIRST_LEVELS, values, ("a", "x", "b"), numbers)
    for row in range(100):
        asset = ("a", "x", "b")[numbers[row]]
        single = grid.statistic(FIRST_LEVELS, values[row : row + 1], (asset,), np.zeros(1, dtype=np.int64))
        assert single[0] == whole[row]
