"""What level of each sensor is usual at each time of the week, and how much levels differ there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.witnesses.season_clock import DAY_US, HOUR_US, Integers, times_of_week

SLOTS_PER_DAY = 48
SLOT_US = HOUR_US // 2
SLOTS = 7 * SLOTS_PER_DAY
assert SLOTS_PER_DAY * SLOT_US == DAY_US


@dataclass(frozen=True, kw_only=True)
class SeasonProfile:
    """``mean, spread [assets + 1, SLOTS, sensors]`` of levels in standard units, by half hours of the week.

    The last row is for all assets without a row of their own. Where a kind of day has not been learnt, the
    spread is infinite: nothing is known about it.
    """

    assets: tuple[str, ...]
    mean: Tensor
    spread: Tensor

    def row_of(self, asset: str) -> int:
        """The asset's row of ``mean`` and ``spread``."""
        return self.assets.index(asset) if asset in self.assets else len(self.assets)

    def rows_of(self, assets: Sequence[str]) -> Integers:
        """The rows of ``mean`` and ``spread`` of many assets."""
        return np.array([self.row_of(asset) for asset in assets], dtype=np.int64)

    def departures(self, row: int | Integers, local_us: Integers, levels: Values) -> Values:
        """How far ``levels [n, sensors]`` lie from what is usual at their times, in spreads.

        ``row`` is that of the profile, or ``[n]``. NaN at times about which nothing is known.
        """
        usual, spread = self.at(row, local_us)
        with np.errstate(invalid="ignore"):
            departures: Values = np.where(np.isinf(spread), np.float32(np.nan), (levels - usual) / spread)
        return departures

    def at(self, row: int | Integers, local_us: Integers) -> tuple[Values, Values]:
        """The usual levels and their spreads at local times ``[n]``: ``[n, sensors]``, in standard units.

        Levels between the middles of two half hours are interpolated; the larger spread of both holds.
        """
        mean, spread = self.mean.numpy(), self.spread.numpy()
        place = times_of_week(local_us - SLOT_US // 2)
        before = place // SLOT_US
        after = (before + 1) % SLOTS
        part = ((place % SLOT_US) / SLOT_US).astype(np.float32)[:, None]
        usual: Values = mean[row, before] + part * (mean[row, after] - mean[row, before])
        return usual, np.maximum(spread[row, before], spread[row, after])
