"""What the other sensors of an asset say about a sensor, where the assets of a stream differ in that.

The comparison of a grid is learnt from the rows of all assets together. Where sensors of different assets
mix the same loads by other gains, that says little about any of them. For such sensors each asset has weights
of its own, in the place of the columns of the common comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.witnesses.chunked_product import aligned, grouped_product
from tfstream.model.witnesses.comparison import RowComparison

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class OwnComparison:
    """Columns of the comparison, for each of ``assets``, of the ``sensors [own]`` that have their own.

    ``weights [assets, sensors, own]``, ``root [assets, own]`` and ``usual [assets, own]`` are as in the
    common comparison, whose mean holds here, too.
    """

    assets: tuple[str, ...]
    sensors: Tensor
    weights: Tensor
    root: Tensor
    usual: Tensor

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {asset: row for row, asset in enumerate(self.assets)}

    @cached_property
    def _aligned_weights(self) -> Tensor:
        return aligned(self.weights)

    def put_departures(
        self, relative: Values, deviations: Values, assets: Sequence[str], numbers: Integers
    ) -> None:
        """Put own departures in the place of the common ones in ``relative [n, sensors]``.

        :param relative: sizes of departures, in what is usual.
        :param deviations: ``[n, sensors]``, rows less the mean of the comparison.
        :param assets: the assets of a batch.
        :param numbers: ``[n]``, the number of each row's asset in ``assets``.
        """
        group = np.array([self._rows.get(asset, -1) for asset in assets], dtype=np.int64)[numbers]
        places = np.flatnonzero(group >= 0)
        if not len(places):
            return
        group = group[places]
        departures = np.abs(grouped_product(deviations[places], self._aligned_weights, group))
        own = departures[:, : len(self.sensors)] / self.usual.numpy()[group]
        relative[places[:, None], self.sensors.numpy()] = own

    def merged(self, asset: str, common: RowComparison) -> RowComparison:
        """The comparison of an asset: the common one, with the asset's own columns."""
        row = self._rows.get(asset)
        if row is None:
            return common
        weights, root, usual = common.weights.clone(), common.root.clone(), common.usual.clone()
        weights[:, self.sensors] = self.weights[row]
        root[self.sensors], usual[self.sensors] = self.root[row], self.usual[row]
        return replace(common, weights=weights, root=root, usual=usual)
