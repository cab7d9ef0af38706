"""The witnesses follow an asset: grids by absolute rows, warm-up, missing cells, faults, another model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.model.witnesses.steady_plant import SENSORS, FittedWitnesses, fit_to, follow, steady_plant
from tfstream.core.messages.witness import Witness
from tfstream.model.fitting import grid_fit
from tfstream.model.witnesses.advance import NewRows
from tfstream.model.witnesses.pyramid import COMPARED, STATISTICS, order_of, warm_up_rows
from tfstream.model.witnesses.witness_state import StoredState

LEVELS = [number for number, statistic in enumerate(STATISTICS) if statistic.witness is Witness.LEVELS]


@pytest.mark.parametrize("first", [0, 3, 8, 13])
def test_rows_of_the_next_grid_are_means_of_rows_by_their_index(fitted: FittedWitnesses, first: int) -> None:
    """Wherever an asset begins, row 15 of the stream ends the same mean; a part of a mean is none."""
    values = steady_plant(60, seed=5)
    advanced = fitted.advance(NewRows("x", None, values[first:], 59))
    entered = advanced.grids[1].entered
    begin = -(-first // 8) * 8
    assert entered.ends.tolist() == list(range(begin + 7, 60, 8))
    means = values[begin:56].reshape(-1, 8, SENSORS).mean(axis=1)
    np.testing.assert_allclose(entered.values, means, rtol=1e-5)


def test_assets_that_begin_at_different_rows_keep_their_own_means(fitted: FittedWitnesses) -> None:
    values = steady_plant(60, seed=5)
    batch = [NewRows(name, None, values[first:], 59) for name, first in (("x", 30), ("y", 0), ("z", 57))]
    together = fitted.advance(*batch)
    grid = together.grids[1].entered
    assert grid.assets.tolist() == [1, 0]  # z completes none
    for number, new in enumerate(batch):
        alone = fitted.advance(new)
        assert together.states.encode()[number] == alone.states.encode()[0]


def test_statistics_warm_up(fitted: FittedWitnesses) -> None:
    for level, (_, values) in enumerate(follow(fitted, steady_plant(400, seed=5)).grids):
        known = ~np.isnan(values)
        grid_rows = fitted.model.grids[level].rows
        least = [warm_up_rows(statistic, grid_rows) for statistic in STATISTICS[:COMPARED]]
        assert known.argmax(axis=0).tolist() == least
        assert known[max(least) :].all()


def test_normal_values_are_usual_and_a_fault_is_not(fitted: FittedWitnesses) -> None:
    values = steady_plant(900, seed=5)
    faulty = values.copy()
    faulty[600:, 2] += 2 * fitted.scaler.scale[0, 2]
    normal, wrong = (follow(fitted, each).grids for each in (values, faulty))
    for level in range(2):
        ends, _ = normal[level]
        for number in LEVELS:
            quiet = normal[level][1][:, number]
            loud = wrong[level][1][ends >= 800, number]
            assert loud.min() > np.nanmax(quiet)


def test_a_sensor_that_drops_out_raises_nothing(fitted: FittedWitnesses) -> None:
    """Its cells become what the predictor says: neither it nor the sensors that it predicts depart."""
    values = steady_plant(900, seed=5)
    gone = values.copy()
    gone[300:600, 1] = np.nan
    whole, silent = (follow(fitted, each).grids for each in (values, gone))
    for level in range(2):
        assert np.array_equal(np.isnan(whole[level][1]), np.isnan(silent[level][1]))
        assert np.all(np.nanmax(silent[level][1], axis=0) <= 1.5 * np.nanmax(whole[level][1], axis=0))
        for statistic in (0, 1):  # errors of the other sensors only
            during = (whole[level][0] >= 330) & (whole[level][0] < 600)
            assert (
                silent[level][1][during, statistic].mean() < 1.2 * whole[level][1][during, statistic].mean()
            )


def test_rows_without_any_reading_have_no_errors(fitted: FittedWitnesses) -> None:
    values = steady_plant(300, seed=5)
    values[100:200] = np.nan
    advanced = fitted.advance(NewRows("x", None, values, 299))
    assert np.abs(advanced.grids[0].compared[0][100:200]).max() < 1e-5
    assert np.isfinite(advanced.grids[0].entered.values).all()


def test_infinite_and_huge_values_are_limited(fitted: FittedWitnesses) -> None:
    values = steady_plant(300, seed=5)
    values[100, 0], values[150, 1], values[200, 2] = np.inf, 1e38, -1e38
    advanced = fitted.advance(NewRows("x", None, values, 299))
    assert all(np.isfinite(rows).all() for rows in advanced.grids[0].compared)
    row = fitted.scaler.rows_of(["x"])[0]
    largest = fitted.scaler.location[row, 1] + 10 * fitted.scaler.scale[row, 1]
    assert advanced.grids[0].entered.values[150, 1] == pytest.approx(largest, rel=1e-4)


def test_a_sensor_without_training_never_departs(fitted: FittedWitnesses) -> None:
    live = fitted.scaler.live.copy()
    live[3] = False
    dead = fitted._replace(scaler=replace(fitted.scaler, live=live))
    values = steady_plant(300, seed=5)
    other = values.copy()
    other[:, 3] = np.where(np.arange(300) % 2, np.nan, 1e6)
    for (_, expected), (_, seen) in zip(follow(dead, values).grids, follow(dead, other).grids, strict=True):
        np.testing.assert_array_equal(seen, expected)


def test_a_new_model_takes_levels_over_and_begins_errors_again(fitted: FittedWitnesses) -> None:
    values = steady_plant(700, seed=5)
    state = StoredState(follow(fitted, values[:600]).state, same_model=False)
    other = fit_to(steady_plant(8_000, seed=1))
    taken = follow(other, values[600:], first=600, state=state).grids[0][1]
    whole = follow(other, values).grids[0][1][600:]
    assert not np.isnan(taken).any()
    np.testing.assert_allclose(taken[:, LEVELS], whole[:, LEVELS], rtol=1e-3, atol=1e-3)
    assert taken[0, 1] < whole[0, 1]  # the mean of one error
    np.testing.assert_allclose(taken[60:, :2], whole[60:, :2], rtol=0.02)


def test_the_first_errors_do_not_count(fitted: FittedWitnesses) -> None:
    """The rows before an asset's first row are not known."""
    errors = fitted.advance(NewRows("x", None, steady_plant(30, seed=5), 29)).grids[0].compared[0]
    order = order_of(1)
    assert not errors[:order].any()
    assert errors[order:].all()


def test_a_stream_of_very_many_sensors_is_predicted_from_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if six sensors were too many; two loads move all of them."""
    values = steady_plant(900, seed=5)
    values[300:400, 1] = np.nan
    every = fit_to(steady_plant(3_000))
    monkeypatch.setattr(grid_fit, "_LARGEST_INPUT", 4 * order_of(1))
    few = fit_to(steady_plant(3_000))
    basis = few.model.grids[0].basis
    assert basis is not None
    assert (basis.shape, few.model.grids[0].predictor.shape) == ((SENSORS, 4), (32, SENSORS))
    assert every.model.grids[0].basis is None
    whole = follow(few, values)
    assert whole.state == follow(few, values, [1] * 30 + [7] * 40 + [100] * 3).state
    seen, expected = (np.nanmean(follow(each, values).grids[0][1], axis=0) for each in (few, every))
    np.testing.assert_allclose(seen, expected, rtol=0.25)
