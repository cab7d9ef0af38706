"""The model of one grid: a predictor of its next row, and what errors and levels are usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.witnesses.chunked_product import gathered_product, product, wide
from tfstream.model.witnesses.comparison import RowComparison, SensorDeparture
from tfstream.model.witnesses.completion import RowCompletion
from tfstream.model.witnesses.own_comparison import OwnComparison
from tfstream.model.witnesses.pyramid import STATISTICS, order_of
from tfstream.model.witnesses.season_model import SeasonModel

LIMIT = 10.0  # standard units: as the scaler clips
_NOTHING: Values = np.zeros(1, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class GridModel:
    """``predictor [order * sensors, sensors]`` maps the rows before, the newest first, to the next row.

    With very many sensors it maps the rows' components in the directions ``basis [sensors, components]``.
    ``comparisons`` has a comparison for each statistic but those of the season; ``season`` is that of the
    grid's levels, on one grid at most. ``own`` are the assets' own comparisons, by the number of a statistic
    of levels.
    """

    rows: int
    predictor: Tensor
    comparisons: tuple[RowComparison, ...]
    season: SeasonModel | None = None
    basis: Tensor | None = None
    own: Mapping[int, OwnComparison] = field(default_factory=dict)

    @property
    def order(self) -> int:
        """How many rows the predictor looks back."""
        return order_of(self.rows)

    @cached_property
    def _wide_predictor(self) -> Tensor:
        return wide(self.predictor)

    def predict(self, rows: Values, before: NDArray[np.int64]) -> Values:
        """The rows ``[n, sensors]`` after the rows at ``before [n, order]``, in standard units.

        ``before`` are places in ``rows [m, sensors]``, that of the newest row first.
        """
        inputs = rows if self.basis is None else self._components(rows, self.basis)
        predicted = gathered_product(inputs, before, self._wide_predictor)[:, : rows.shape[1]]
        return np.clip(predicted, -LIMIT, LIMIT, out=predicted)

    @cached_property
    def _completion(self) -> RowCompletion:
        return RowCompletion(self.predictor, self.basis, self.comparisons[0].precision)

    def _components(self, rows: Values, basis: Tensor) -> Values:
        return product(rows, _NOTHING, wide(basis))[:, : basis.shape[1]]

    def complete(self, before: Values, row: Values) -> Values:
        """A row ``[sensors]`` with NaN where missing, completed, in standard units.

        ``before [order, sensors]`` are the rows before it, the newest first.
        """
        return np.clip(self._completion.complete(before, row), -LIMIT, LIMIT)

    def statistic(
        self, number: int, rows: Values, assets: Sequence[str], numbers: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The values ``[n]`` of a statistic for its rows ``[n, sensors]``: never negative.

        ``numbers [n]`` are those of the rows' assets in ``assets``.
        """
        comparison = self.comparisons[number]
        departures = comparison.departures(rows)
        if not STATISTICS[number].largest:
            return comparison.distances(rows, departures)
        relative = comparison.relative(departures)
        if number in self.own:
            deviations = rows - comparison.mean.numpy()
            self.own[number].put_departures(relative, deviations, assets, numbers)
        return relative.max(axis=1).astype(np.float64)

    def blame(self, number: int, row: Values, asset: str, end: int) -> list[SensorDeparture]:
        """The sensors that explain a statistic of a compared row ``[sensors]``, the first to blame first.

        ``end`` is the row of the stream that completed it.
        """
        if self.season is not None and number >= len(self.comparisons):
            return self.season.blame(number, row, asset, end)
        comparison = self.comparisons[number]
        if number in self.own:
            comparison = self.own[number].merged(asset, comparison)
        return comparison.blame(row)


def lagged_rows(rows: Values, order: int) -> Values:
    """The rows before each row but the first ``order``: ``[n, order * sensors]``, the newest first."""
    windows = sliding_window_view(rows[:-1], order, axis=0)  # [n, sensors, order], the oldest first
    newest_first: Values = windows[:, :, ::-1].transpose(0, 2, 1).reshape(len(windows), -1)
    return newest_first
