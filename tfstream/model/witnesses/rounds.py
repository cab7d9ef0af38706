"""The rows of many assets, round by round: every asset's first row, then every asset's second row.

Assets with more rows come first. A round is then a block of rows, and the assets that have a row in it are
the first ones: what follows an asset row by row is computed for all assets together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values

Integers = NDArray[np.int64]


class Rounds:
    """The order of rows of assets that have ``counts [assets]`` rows each, the largest first, none 0.

    ``starts [rounds + 1]`` are the first row of each round and the end. ``asset [n]`` and ``number [n]`` are
    the asset of each row, and the number of the row among those of its asset.
    """

    def __init__(self, counts: Integers) -> None:
        self.counts = counts
        rounds = np.arange(counts[0])
        sizes = np.searchsorted(-counts, -rounds)  # the assets with more rows than that
        self.starts: Integers = np.concatenate([[0], np.cumsum(sizes)])
        self.number: Integers = np.repeat(rounds, sizes)
        self.asset: Integers = np.arange(self.starts[-1]) - self.starts[self.number]

    def place(self, asset: Integers, number: Integers) -> Integers:
        """Where rows of assets lie, by their number; also of a row that an asset does not have."""
        places: Integers = self.starts[number] + asset
        return places

    def newest(self) -> Integers:
        """Where the last row of each asset lies: ``[assets]``."""
        return self.place(np.arange(len(self.counts)), self.counts - 1)

    def arrange(self, parts: Sequence[Values]) -> Values:
        """The rows ``[n, sensors]`` from those of each asset."""
        if len(parts) == 1:
            return parts[0]
        first = np.cumsum(self.counts) - self.counts
        arranged: Values = np.concatenate(parts)[first[self.asset] + self.number]
        return arranged

    def before(self, steps: int) -> Integers:
        """Where the ``steps`` rows before each row lie, the newest first: ``[n, steps]``.

        They are places in an array that has ``steps`` earlier rounds of all assets before the rows.
        """
        number = self.number[:, None] - 1 - np.arange(steps)
        earlier = (steps + number) * len(self.counts)
        later = steps * len(self.counts) + self.starts[np.maximum(number, 0)]
        places: Integers = np.where(number < 0, earlier, later) + self.asset[:, None]
        return places
