"""The model of one grid: a predictor of its next row, and what errors and levels are usual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.witnesses.comparison import RowComparison, product
from tfstream.model.witnesses.pyramid import STATISTICS, order_of

LIMIT = 10.0  # standard units: as the scaler clips


@dataclass(frozen=True, kw_only=True)
class GridModel:
    """``predictor [order * sensors, sensors]`` maps the rows before, the newest first, to the next row.

    ``comparisons`` has a comparison for each statistic.
    """

    rows: int
    predictor: Tensor
    comparisons: tuple[RowComparison, ...]

    @property
    def order(self) -> int:
        """How many rows the predictor looks back."""
        return order_of(self.rows)

    def predict(self, lagged: Values) -> Values:
        """The next rows ``[n, sensors]`` after ``lagged [n, order * sensors]``, in standard units."""
        predicted: Values = np.clip(product(lagged, self.predictor), -LIMIT, LIMIT)
        return predicted

    def statistic(self, number: int, rows: Values) -> NDArray[np.float64]:
        """The values ``[n]`` of a statistic for its rows ``[n, sensors]``: never negative."""
        comparison = self.comparisons[number]
        departures = comparison.departures(rows)
        if STATISTICS[number].largest:
            return comparison.largest(departures)
        return comparison.distances(rows, departures)


def lagged_rows(rows: Values, order: int) -> Values:
    """The rows before each row but the first ``order``: ``[n, order * sensors]``, the newest first."""
    windows = sliding_window_view(rows[:-1], order, axis=0)  # [n, sensors, order], the oldest first
    newest_first: Values = windows[:, :, ::-1].transpose(0, 2, 1).reshape(len(windows), -1)
    return newest_first
