"""The rows and assets of a refit fit into memory, for every number of assets and sensors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tfstream.core.learning.memory_limit import LEAST_ROWS, MOST_CELLS, memory_limit

FLEETS = st.integers(1, 20_000), st.integers(1, 1_000)


@given(*FLEETS)
def test_the_cells_never_exceed_the_limit(count: int, sensors: int) -> None:
    assets, rows = memory_limit([f"a{number}" for number in range(count)], sensors)
    assert 0 < len(assets) * rows * sensors <= MOST_CELLS
    assert len(set(assets)) == len(assets)
    assert rows >= LEAST_ROWS


def test_a_small_plant_keeps_all_assets_and_rows() -> None:
    """A year of ten assets with fifty sensors, a row every two minutes."""
    assets, rows = memory_limit([f"a{number}" for number in range(10)], 50)
    assert len(assets) == 10
    assert rows > 262_800


def test_the_assets_of_a_large_fleet_are_chosen_evenly() -> None:
    names = [f"a{number:05}" for number in range(10_000)]
    assets, rows = memory_limit(names, 127)
    assert rows >= LEAST_ROWS
    positions = [names.index(asset) for asset in assets]
    assert positions[0] == 0
    assert positions[-1] > 9_900
