"""Counters, such as totalisers and energy meters: they rise, and now and then they are reset.

A counter's level says nothing about the process; its differences do. The level leaves every range that was
learnt, and the difference beside a flow is the flow itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfstream.core.reading import Series, Values

_LEAST_RISES = 64
_RISING_PART = 0.02  # of the rows, at least
_RESET_PART = 0.001  # of the changes, at most
_RESET_SIZE = 20.0  # times the mean rise, at least
_DISTINCT_PART = 0.05  # of the rises, at least: a counter hardly ever has the same value again


def find_counters(series: Sequence[Series]) -> tuple[int, ...]:
    """The columns that only rise in all series, but for resets.

    A decrease is a reset if it is large and rare. A switch, which rises and falls equally often, is none, and
    neither is a sensor with noise.
    """
    sensors = series[0].values.shape[1]
    return tuple(sensor for sensor in range(sensors) if _is_counter([s.values[:, sensor] for s in series]))


def _is_counter(pieces: Sequence[Values]) -> bool:
    rows = rises = resets = 0
    rise, smallest_reset = 0.0, np.inf
    for piece in pieces:
        known = piece[np.isfinite(piece)].astype(np.float64)
        steps = np.diff(known)
        rows += len(steps)
        up, down = steps[steps > 0], steps[steps < 0]
        rises += len(up)
        rise += float(up.sum())
        resets += len(down)
        if len(down) > 1 + _RESET_PART * len(steps):
            return False
        if len(down):
            smallest_reset = min(smallest_reset, float(-down.max()))
    if rises < max(_LEAST_RISES, _RISING_PART * rows) or resets > 1 + _RESET_PART * rises:
        return False
    return smallest_reset >= _RESET_SIZE * rise / rises


class CounterTransform:
    """Replaces the columns of counters by their differences from row to row.

    Windows and whole series take the same way, before the scaler. The first row has no row before it and
    takes the difference of the second. A reset leaves a missing cell: what was counted then is unknown.
    """

    __slots__ = ("_columns",)

    def __init__(self, counters: Sequence[int]) -> None:
        self._columns = list(counters)

    @property
    def columns(self) -> tuple[int, ...]:
        """The columns of the counters."""
        return tuple(self._columns)

    @property
    def identity(self) -> bool:
        """Whether there is no counter, so that values stay as they are."""
        return not self._columns

    def transform(self, values: Values) -> Values:
        """The values ``[..., rows, sensors]`` with differenced counters; the argument does not change."""
        if self.identity:
            return values
        levels = values[..., self._columns].astype(np.float64)
        steps = np.full_like(levels, np.nan)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            steps[..., 1:, :] = np.diff(levels, axis=-2)
        if levels.shape[-2] > 1:
            steps[..., 0, :] = steps[..., 1, :]
        with np.errstate(invalid="ignore"):
            steps[steps < 0] = np.nan
        changed = values.copy()
        changed[..., self._columns] = steps
        return changed

    def newest(self, window: Values, rows: int) -> Values:
        """The ``rows`` newest rows of :meth:`transform` of a window ``[rows, sensors]``."""
        if self.identity or rows >= len(window):
            return self.transform(window)[-rows:]
        return self.transform(window[-rows - 1 :])[1:]
