"""How many readings a refit may hold: memory must not grow with the span, nor with the number of assets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MOST_CELLS = 1 << 27  # rows times sensors, of all assets: about 2 GB while a model is fitted
LEAST_ROWS = 2048  # of an asset: fewer rows hardly show its levels


class MemoryLimit(NamedTuple):
    """The assets to learn from, and how many of the newest ``rows`` of each."""

    assets: list[str]
    rows: int


def memory_limit(assets: Sequence[str], sensors: int, most_cells: int = MOST_CELLS) -> MemoryLimit:
    """As many rows of every asset as fit; if those would be too few, an even selection of the assets."""
    rows = most_cells // (sensors * max(len(assets), 1))
    if rows >= LEAST_ROWS:
        return MemoryLimit(list(assets), rows)
    count = max(most_cells // (sensors * LEAST_ROWS), 1)
    indices = [number * len(assets) // count for number in range(min(count, len(assets)))]
    return MemoryLimit([assets[index] for index in indices], max(most_cells // (sensors * count), 1))
