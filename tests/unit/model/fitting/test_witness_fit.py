"""Which witnesses a stream gets: none from few rows, those that hold on later rows, and why not."""

from __future__ import annotations

import numpy as np

from tests.unit.model.witnesses.steady_plant import INTERVAL_US, LEARNT_ROWS, SENSORS, fit_to, steady_plant
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Series
from tfstream.core.scaler import Scaler
from tfstream.model.fitting.grid_fit import exponential_mean
from tfstream.model.fitting.witness_fit import fit_witnesses


def test_few_rows_give_no_grid() -> None:
    assert fit_to(steady_plant(700)).model.grids == ()


def test_each_grid_needs_enough_rows() -> None:
    assert [grid.rows for grid in fit_to(steady_plant(2_000)).model.grids] == [1]
    assert [grid.rows for grid in fit_to(steady_plant(8_000)).model.grids] == [1, 8]


def test_a_steady_plant_admits_every_statistic_of_its_rows() -> None:
    model = fit_to(steady_plant(LEARNT_ROWS)).model
    assert [(tail.level, tail.statistic) for tail in model.tails] == [(i // 4, i % 4) for i in range(8)]
    assert [tail.refused for tail in model.tails[:4]] == [None] * 4
    assert model.admitted == tuple(tail for tail in model.tails if tail.refused is None)


def test_levels_that_wander_are_refused_in_words() -> None:
    """Each sensor goes its own way: what the others say about it holds for a while only."""
    rng = np.random.default_rng(0)
    walks = np.cumsum(rng.normal(size=(8_000, SENSORS)), axis=0).astype(np.float32)
    tails = fit_to(walks).model.tails
    refused = [tail for tail in tails if tail.refused is not None]
    assert Witness.LEVELS in {tail.witness for tail in refused}
    assert all("of the time" in (tail.refused or "") for tail in refused)
    assert {tail.witness for tail in tails if tail.refused is None} <= {Witness.ERRORS, Witness.LEVELS}


def test_a_short_piece_does_not_stop_the_fit() -> None:
    """A gap leaves a piece of a few rows."""
    values = steady_plant(3_000)
    pieces = [
        Series("x", np.arange(len(part)) * INTERVAL_US, part)
        for part in (values[:1_500], values[1_500:1_503], values[1_503:])
    ]
    assert fit_witnesses(pieces, Scaler.fit(pieces), INTERVAL_US).grids


def test_many_short_pieces_do_not_stop_the_fit() -> None:
    """A plant of batches: together they have 1,200 rows of 64, but none has more than four."""
    values = steady_plant(90_000)
    pieces = [
        Series("x", np.arange(at * 2, at * 2 + 300) * INTERVAL_US, values[at : at + 300])
        for at in range(0, len(values), 300)
    ]
    model = fit_witnesses(pieces, Scaler.fit(pieces), INTERVAL_US)
    assert [grid.rows for grid in model.grids] == [1, 8]
    assert model.admitted


def test_many_assets_of_few_days_do_not_stop_the_fit() -> None:
    """Each has five rows of 512, of which three lie before the first part that is watched."""
    pieces = [
        Series(f"x{i}", np.arange(3_000) * INTERVAL_US, steady_plant(3_000, seed=i)) for i in range(170)
    ]
    assert len(fit_witnesses(pieces, Scaler.fit(pieces), INTERVAL_US).grids) == 3


def test_the_exponential_mean_follows_row_by_row() -> None:
    rows = steady_plant(300)
    expected = rows.astype(np.float64)
    for row in range(1, 300):
        expected[row] = expected[row - 1] + 0.2 * (rows[row] - expected[row - 1])
    np.testing.assert_allclose(exponential_mean(rows, 0.2), expected, rtol=1e-5)
