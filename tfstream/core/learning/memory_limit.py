"""How much a refit takes on: memory must not grow with the span, nor with the fleet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MOST_CELLS = 1 << 27  # rows times sensors, of all assets: about 2 GB while a model is fitted
LEAST_ROWS = 2048  # of an asset: with fewer, its own levels are hardly known


class MemoryLimit(NamedTuple):
    """The assets to learn from, and how many ``rows`` of each, the newest."""

    assets: list[str]
    rows: int


def memory_limit(assets: Sequence[str], sensors: int, most_cells: int = MOST_CELLS) -> MemoryLimit:
    """As many rows of every asset as fit; of so many assets that this would be too few, an even choice."""
    rows = most_cells // (sensors * max(len(assets), 1))
    if rows >= LEAST_ROWS:
        return MemoryLimit(list(assets), rows)
    count = max(most_cells // (sensors * LEAST_ROWS), 1)
    places = [number * len(assets) // count for number in range(min(count, len(assets)))]
    return MemoryLimit([assets[place] for place in places], max(most_cells // (sensors * count), 1))
