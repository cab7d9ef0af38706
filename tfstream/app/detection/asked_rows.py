"""The values of the admitted statistics at rows of the stream, for the assets of a batch together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.model.witnesses.advance import AdvancedAssets
from tfstream.model.witnesses.next_grid import EnteringRows

Integers = NDArray[np.int64]


class AskedRows:
    """Normalised ``values [n, tails]``, NaN where the tail's grid completes no row; ``assets`` by number.

    The rows are in the order in which the first grid has them; ``place [n, tails]`` is the number of the
    grid's row. ``states`` are those of the assets after their rows.
    """

    def __init__(self, tails: Sequence[WitnessTail], advanced: AdvancedAssets, assets: Sequence[str]) -> None:
        self.assets, self.grids, self.states = assets, advanced.grids, advanced.states
        self._tails = tails
        self._stream = self.grids[0].entered
        self._rank = np.empty(len(assets), dtype=np.int64)
        self._rank[self._stream.assets] = np.arange(len(assets))
        shape = len(self._stream.ends), len(tails)
        self.values, self.place = np.full(shape, np.nan), np.full(shape, -1, dtype=np.int64)
        rows = [self._stream_rows(grid.entered) for grid in self.grids]
        for number, tail in enumerate(tails):
            if tail.level < len(rows):
                at = rows[tail.level]
                computed = self.grids[tail.level].values[:, tail.statistic]
                self.values[at, number] = tail.normalised(computed)
                self.place[at, number] = np.arange(len(at))
        fired = [self.states.grids[tail.level].fired[:, tail.statistic] > 0 for tail in tails]
        self._fired = np.stack(fired, axis=1)

    @property
    def ends(self) -> Integers:
        """``[n]``: the rows of the stream."""
        return self._stream.ends

    def rows_of(self, number: int) -> Integers:
        """The rows of an asset, in order of time."""
        rank = self._rank[number]
        rounds = self._stream.rounds
        rows: Integers = rounds.starts[: rounds.counts[rank]] + rank
        return rows

    def noteworthy(self, speaking: NDArray[np.bool_], standing: Sequence[int]) -> list[int]:
        """The assets with a row ``[n]`` where a witness speaks, or a fired tail, and those ``standing``."""
        noteworthy: NDArray[np.bool_] = np.asarray(self._fired.any(axis=1))
        noteworthy[self._stream.assets[self._stream.rounds.asset[speaking]]] = True
        noteworthy[list(standing)] = True
        return np.flatnonzero(noteworthy).tolist()

    def fired(self, number: int) -> NDArray[np.bool_]:
        """``[tails]``: which tails of an asset have exceeded their threshold and were not quiet since."""
        return np.array(self._fired[number])

    def keep_fired(self, number: int, fired: NDArray[np.bool_]) -> None:
        """Keep in the asset's state which tails have fired."""
        for tail, has_fired in zip(self._tails, fired.tolist(), strict=True):
            self.states.grids[tail.level].fired[number, tail.statistic] = has_fired

    def _stream_rows(self, entered: EnteringRows) -> Integers:
        """The rows of the stream that complete the rows of a grid."""
        rank = self._rank[entered.assets[entered.rounds.asset]]
        first = self._stream.ends[rank]  # the first round has the first row of each asset
        return self._stream.rounds.place(rank, entered.ends - first)
