"""The newest rows of one asset on one grid, and the exponential means that follow them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.model.witnesses.grid_model import LIMIT, GridModel, lagged_rows
from tfstream.model.witnesses.pyramid import ERROR_RATE, LEVEL_RATES, SPANS, STATISTICS, warm_up_rows
from tfstream.model.witnesses.witness_state import NOT_COLLECTING, GridState

_LEAST_DISTANCE = 0.05  # of errors: a row without readings has none
_RATES = np.array([ERROR_RATE, *LEVEL_RATES], dtype=np.float32)[:, None]


class AssetScale(NamedTuple):
    """An asset's location and scale, and which sensors had values in training: ``[sensors]`` each."""

    location: Values
    scale: Values
    live: NDArray[np.bool_]

    @classmethod
    def of(cls, scaler: Scaler, asset: str) -> AssetScale:
        row = scaler.rows_of([asset])[0]
        return cls(scaler.location[row].astype(np.float32), scaler.scale[row].astype(np.float32), scaler.live)

    def standard(self, values: Values) -> Values:
        """Values in standard units, limited like the scaler's."""
        scaled: Values = np.clip((values - self.location) / self.scale, -LIMIT, LIMIT)
        return scaled

    def own_units(self, standard: Values) -> Values:
        """The inverse of :meth:`standard`."""
        values: Values = standard * self.scale + self.location
        return values

    def limited(self, values: Values) -> Values:
        """Values in the sensors' units, limited, NaN where missing; a sensor without training keeps its mean.

        Only limited values are kept and converted again: the same value always has the same standard units.
        """
        with np.errstate(invalid="ignore"):
            finite = np.where(np.isfinite(values), values, np.float32(np.nan))
            limited = self.own_units(self.standard(finite))
        return np.where(self.live, limited, self.location)


class AssetRows:
    """Rows ``values [n, sensors]`` that enter a grid, with the indices ``ends [n]`` of their last rows.

    A missing cell becomes what the predictor says, and its error is 0: the mean in its place would look like
    a fault of the sensors that it helps to predict.
    """

    def __init__(
        self, grid: GridModel, scale: AssetScale, state: GridState, values: Values, ends: NDArray[np.int64]
    ) -> None:
        self.ends = ends
        self.compared: tuple[Values, ...] = ()
        self.shown: tuple[Values, ...] = ()
        self._grid, self._scale, self._state = grid, scale, state
        self._known: NDArray[np.bool_] | None = None  # None: every cell is known
        limited = scale.limited(values)
        self._values = self._filled(limited) if np.isnan(limited.sum()) else limited
        self._standard = scale.standard(np.concatenate([state.lags, self._values]))

    def lagged(self) -> Values:
        """The rows before each row: the input of the predictor, ``[n, order * sensors]``."""
        return lagged_rows(self._standard, self._grid.order)

    def follow(self, predicted: Values) -> None:
        """Advance the state and set what the statistics compare, from predictions ``[n, sensors]``."""
        state, order = self._state, self._grid.order
        errors: Values = self._standard[order:] - predicted
        if self._known is not None:
            errors *= self._known
        errors[: max(order - state.seen, 0)] = 0.0  # its lags repeat the first row
        entering = np.stack([errors, *[self._values] * len(SPANS)], axis=1)  # [n, 1 + spans, sensors]
        means = np.empty_like(entering)
        mean = np.concatenate([state.mean_error[None], state.levels])
        for row, new in enumerate(entering):
            mean = mean + _RATES * (new - mean)
            means[row] = mean
        state.mean_error, state.levels = mean[0], mean[1:]
        state.lags = np.concatenate([state.lags, self._values])[-order:]
        levels = [np.ascontiguousarray(means[:, 1 + span]) for span in range(len(SPANS))]
        self.shown = (self._values, self._values, *levels)
        by_span = [self._scale.standard(level) for level in levels]
        self.compared = (errors, np.ascontiguousarray(means[:, 0]), *by_span)

    def warmed_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The statistics ``[n, statistics]`` of the rows, NaN while they warm up.

        The distance of errors is smoothed as a logarithm: one extreme row must not speak for long.
        """
        state = self._state
        seen = state.seen + 1 + np.arange(len(values))
        logs = np.log(np.maximum(values[:, 0], _LEAST_DISTANCE))
        logs[seen <= self._grid.order] = 0.0  # errors that do not count yet
        for row, log in enumerate(logs.tolist()):
            state.log_distance += ERROR_RATE * (log - state.log_distance)
            values[row, 0] = math.exp(state.log_distance)
        least = np.array([warm_up_rows(statistic, self._grid.rows) for statistic in STATISTICS])
        values[seen[:, None] <= least] = np.nan
        state.seen += len(values)
        return values

    def next_grid_rows(self, factor: int) -> tuple[Values, NDArray[np.int64]]:
        """The rows of the next grid that these rows complete: means of ``factor`` rows, and their ends."""
        state, means, ends = self._state, [], []
        places = ((self.ends + 1) // self._grid.rows - 1) % factor
        for row, end, place in zip(self._values, self.ends.tolist(), places.tolist(), strict=True):
            if place == 0:
                state.total, state.collected = row, 1
            elif state.collected != NOT_COLLECTING:
                state.total = state.total + row
                state.collected += 1
            if state.collected == factor and place == factor - 1:
                means.append(state.total / np.float32(factor))
                ends.append(end)
        shape = (len(means), self._values.shape[1])
        return np.array(means, dtype=np.float32).reshape(shape), np.array(ends, dtype=np.int64)

    def _filled(self, values: Values) -> Values:
        """The rows with predictions in place of missing cells, row after row."""
        order = self._grid.order
        self._known = ~np.isnan(values)
        rows = np.concatenate([self._state.lags, values])
        for at in range(order, len(rows)):
            missing = np.isnan(rows[at])
            if missing.any():
                lags = self._scale.standard(rows[at - order : at])[::-1].reshape(1, -1)
                predicted = self._scale.own_units(self._grid.predict(lags)[0])
                rows[at, missing] = predicted[missing]
        filled: Values = rows[order:]
        return filled
