"""A refit takes on what fits, whatever the span and the fleet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tfstream.core.learning.memory_limit import LEAST_ROWS, MOST_CELLS, memory_limit

FLEETS = st.integers(1, 20_000), st.integers(1, 1_000)


@given(*FLEETS)
def test_it_never_is_more_than_fits(count: int, sensors: int) -> None:
    assets, rows = memory_limit([f"a{number}" for number in range(count)], sensors)
    assert 0 < len(assets) * rows * sensors <= MOST_CELLS
    assert len(set(assets)) == len(assets)
    assert rows >= LEAST_ROWS


def test_a_small_plant_is_learnt_from_whole() -> None:
    """A year of ten assets with fifty sensors, a row every two minutes."""
    assets, rows = memory_limit([f"a{number}" for number in range(10)], 50)
    assert len(assets) == 10
    assert rows > 262_800


def test_of_a_large_fleet_an_even_choice_is_taken() -> None:
    names = [f"a{number:05}" for number in range(10_000)]
    assets, rows = memory_limit(names, 127)
    assert rows >= LEAST_ROWS
    places = [names.index(asset) for asset in assets]
    assert places[0] == 0
    assert places[-1] > 9_900
