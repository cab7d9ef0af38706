"""The witnesses' numbers and states are the same, bit for bit, however rows are divided into batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.model.witnesses.steady_plant import (
    SENSORS,
    FittedWitnesses,
    Followed,
    fit_to,
    follow,
    steady_plant,
)
from tfstream.core.reading import Values
from tfstream.model.witnesses.advance import NewRows
from tfstream.model.witnesses.witness_state import StoredState

ROWS = 150


@pytest.fixture(scope="module")
def witnesses() -> FittedWitnesses:
    return fit_to(steady_plant(8_000))


def rows_with_gaps(seed: int) -> Values:
    """Rows of which one in ten misses cells, and a sensor that is missing for a while."""
    rng = np.random.default_rng(seed)
    values = steady_plant(ROWS, seed=seed)
    values[(rng.random((ROWS, SENSORS)) < 0.3) & (rng.random((ROWS, 1)) < 0.1)] = np.nan
    begin = rng.integers(ROWS)
    values[begin : begin + 40, rng.integers(SENSORS)] = np.nan
    return values


def assert_same(one: Followed, other: Followed) -> None:
    assert one.state == other.state
    for (ends, values), (other_ends, other_values) in zip(one.grids, other.grids, strict=True):
        np.testing.assert_array_equal(ends, other_ends)
        np.testing.assert_array_equal(values, other_values)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 50), st.lists(st.integers(1, 40), max_size=12), st.integers(0, 600))
def test_batches_of_an_asset_change_no_bit(
    witnesses: FittedWitnesses, seed: int, sizes: list[int], first: int
) -> None:
    values = rows_with_gaps(seed)
    whole = follow(witnesses, values, first=first)
    assert_same(follow(witnesses, values, sizes, first=first), whole)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, ROWS)), min_size=1, max_size=24), st.data())
def test_other_assets_of_a_batch_change_no_bit(
    witnesses: FittedWitnesses, assets: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Each asset has its own number of rows, in one batch or in two."""
    cut = data.draw(st.integers(0, ROWS - 1))
    rows = [rows_with_gaps(seed)[:count] for seed, count in assets]
    states: list[StoredState | None] = [None] * len(rows)
    for begin, stop in ((0, cut), (cut, ROWS)):
        known = [number for number, values in enumerate(rows) if len(values[begin:stop])]
        batch = [
            NewRows(
                f"asset {number}", states[number], rows[number][begin:stop], min(stop, len(rows[number])) - 1
            )
            for number in known
        ]
        if batch:
            for number, data_after in zip(known, witnesses.advance(*batch).states.encode(), strict=True):
                states[number] = StoredState(data_after, same_model=True)
    for number, values in enumerate(rows):
        state = states[number]
        assert state is not None
        alone = witnesses.advance(NewRows(f"asset {number}", None, values, len(values) - 1))
        assert state.data == alone.states.encode()[0]
