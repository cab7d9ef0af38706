"""One step of a grid: the rows that enter it, the values of its statistics, and the assets' new states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.standing_levels import LevelShift
from tfstream.core.reading import Values
from tfstream.model.witnesses.asset_scales import AssetScales
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.next_grid import EnteringRows
from tfstream.model.witnesses.pyramid import (
    COMPARED,
    ERROR_RATE,
    FIRST_LEVELS,
    LEVEL_RATES,
    SPANS,
    STATISTICS,
    warm_up_rows,
)
from tfstream.model.witnesses.shift_response import shift_response
from tfstream.model.witnesses.witness_state import GridStates

_LEAST_DISTANCE = 0.05  # of errors: a row without readings has none
_RATES = np.array([ERROR_RATE, *LEVEL_RATES], dtype=np.float32)

Array = NDArray[np.float64]


class GridRows(NamedTuple):
    """What a grid computed for new rows, in the order of ``entered.rounds``.

    ``values [n, statistics]`` are NaN while a statistic warms up, and those of the season where the grid has
    none. ``compared`` has the rows ``[n, sensors]`` that each statistic compares, in standard units (those of
    the season in spreads), and ``shown`` what the sensors show then, in their own units: the row, or its
    level.
    """

    entered: EnteringRows
    values: Array
    compared: tuple[Values, ...]
    shown: tuple[Values, ...]


class GridStep:
    """Rows that enter a grid, and the states of their assets on it; ``shifts`` by the number of their asset.

    A missing cell becomes what is expected there: the mean in its place would look like a fault of the
    sensors that it helps to predict.
    """

    def __init__(
        self,
        grid: GridModel,
        scales: AssetScales,
        states: GridStates,
        entering: EnteringRows,
        shifts: Mapping[int, tuple[LevelShift, ...]],
    ) -> None:
        self._grid, self._states, self._shifts = grid, states, shifts
        self._rounds, self._assets = entering.rounds, entering.assets
        self._names = scales.names
        self._row_assets = entering.assets[entering.rounds.asset]
        self._scale = scales.of(self._row_assets)
        self._seen = states.seen[self._assets].astype(np.int64)
        self._values = self._scale.limited(entering.values)
        self._begin()
        lags = states.lags[self._assets].swapaxes(0, 1)  # [order, assets, sensors]
        lags = lags.reshape(-1, lags.shape[2])
        before = scales.of(np.tile(self._assets, grid.order))
        self._before = self._rounds.before(grid.order)
        self._standard = np.concatenate([before.standard(lags), self._scale.standard(self._values)])
        self._fill()
        self._history = np.concatenate([lags, self._values])
        self.entered = entering._replace(values=self._values)

    def compute(self) -> GridRows:
        """Advance the states, and compute the statistics."""
        errors = self._errors()
        means = self._follow(errors)
        levels = [means[:, 1 + span] for span in range(len(SPANS))]
        compared = [errors, means[:, 0].copy(), *(self._scale.standard(level) for level in levels)]
        self._take_shifts_away(compared)
        shown = [self._values, self._values, *levels]
        values = np.full((len(errors), len(STATISTICS)), np.nan)
        for number, rows in enumerate(compared):
            values[:, number] = self._grid.statistic(number, rows, self._names, self._row_assets)
        if self._grid.season is not None:
            number = FIRST_LEVELS + self._grid.season.place.span
            rows_of = self._grid.season.profile.rows_of(self._names)[self._row_assets]
            departures = self._grid.season.departures(rows_of, self.entered.ends, compared[number])
            values[:, COMPARED:] = self._grid.season.statistics(departures)
            compared += [departures, departures]
            shown += [shown[number], shown[number]]
        self._warm_up(values)
        return GridRows(self.entered, values, tuple(compared), tuple(shown))

    def _begin(self) -> None:
        """Begin the states of assets without a row on the grid: as if their first row had always been."""
        new = np.flatnonzero(self._seen == 0)
        if len(new):
            first = self._values[new]  # of the first round, which has a row of every asset
            scale = self._scale.at(new)
            self._states.begin(self._assets[new], np.where(np.isnan(first), scale.high, first))

    def _fill(self) -> None:
        """Complete rows with missing cells, row after row."""
        if not np.isnan(self._values.sum()):
            return
        standard = self._standard[-len(self._values) :]
        for row in np.flatnonzero(np.isnan(self._values).any(axis=1)).tolist():
            missing, scale = np.isnan(self._values[row]), self._scale.at(row)
            completed = self._grid.complete(self._standard[self._before[row]], standard[row])
            self._values[row, missing] = scale.own_units(completed)[..., missing]
            standard[row, missing] = scale.standard(self._values[row])[..., missing]

    def _errors(self) -> Values:
        errors: Values = self._standard[-len(self._values) :] - self._grid.predict(
            self._standard, self._before
        )
        if self._seen.min() < self._grid.order:  # the lags repeat the first row
            errors[self._seen[self._rounds.asset] + self._rounds.number < self._grid.order] = 0.0
        return errors

    def _follow(self, errors: Values) -> Values:
        """Advance what the states keep of rows; the exponential means of each row, ``[n, 1 + spans, ...]``.

        First that of errors, then those of levels.
        """
        states, assets = self._states, self._assets
        means = np.stack([errors, *[self._values] * len(SPANS)], axis=1)  # [n, 1 + spans, sensors]
        mean = np.concatenate([states.mean_error[assets, None], states.levels[assets]], axis=1)
        rates = np.repeat(_RATES[:, None], errors.shape[1], axis=1)
        starts = self._rounds.starts.tolist()
        for start, stop in pairwise(starts):
            new, before = means[start:stop], mean[: stop - start]
            new -= before
            new *= rates
            new += before
            mean = new
        newest = self._rounds.newest()
        states.mean_error[assets], states.levels[assets] = means[newest, 0], means[newest, 1:]
        first_row = len(self._history) - len(self._values)
        lags = np.concatenate([self._before[newest][:, -2::-1], newest[:, None] + first_row], axis=1)
        states.lags[assets] = self._history[lags]
        return means

    def _take_shifts_away(self, compared: Sequence[Values]) -> None:
        """Compare the rows of assets whose levels have shifted as they would be without the shift."""
        for asset, shifts in self._shifts.items():
            own = np.flatnonzero(self._row_assets == asset)
            if not len(own):
                continue
            scale = self._scale.at(own[:1]).scale[0]
            added = shift_response(self._grid, shifts, scale, self.entered.ends[own])
            for kind, rows in enumerate(compared):
                rows[own] -= added[:, kind]

    def _warm_up(self, values: Array) -> None:
        """Smooth the distance of errors, and take back statistics that warm up.

        The distance is smoothed as a logarithm: one extreme row must not count for long.
        """
        seen = self._seen[self._rounds.asset] + 1 + self._rounds.number
        logs = np.log(np.maximum(values[:, 0], _LEAST_DISTANCE))
        logs[seen <= self._grid.order] = 0.0  # errors that do not count yet
        means = self._states.log_distance[self._assets].tolist()
        smoothed = []
        for asset, log in zip(self._rounds.asset.tolist(), logs.tolist(), strict=True):
            means[asset] += ERROR_RATE * (log - means[asset])
            smoothed.append(math.exp(means[asset]))
        values[:, 0] = smoothed
        least = np.array([warm_up_rows(statistic, self._grid.rows) for statistic in STATISTICS])
        if seen.min() <= least.max():
            values[seen[:, None] <= least] = np.nan
        self._states.log_distance[self._assets] = means
        self._states.seen[self._assets] += self._rounds.counts
