"""Follows which tails of an asset stay over their thresholds, and what their values are meanwhile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.standing_levels import RaisedTail, StandingLevels, TailRun
from tfstream.core.alarms.witness_rule import HeardWitness, WitnessRule

_RATE = 1 / 16  # of the means of values that stay high
_NOT = -1

Array = NDArray[np.float64]


class TailRuns:
    """The tails ``[tails]`` of an asset, row after row.

    ``fired [tails]`` is true for tails that have exceeded their threshold and were not quiet since.
    """

    def __init__(self, rule: WitnessRule, levels: StandingLevels, fired: NDArray[np.bool_]) -> None:
        self._rule, self.fired = rule, fired
        count = len(fired)
        self.since = np.full(count, _NOT, dtype=np.int64)
        self._mean, self._deviation = np.zeros(count), np.zeros(count)
        self._center, self._spread, self._raised = np.zeros(count), np.ones(count), np.full(count, np.nan)
        for run in levels.runs:
            self.since[run.tail] = run.since_row
            self._mean[run.tail], self._deviation[run.tail] = run.mean, run.deviation
        for raised in levels.raised:
            self._center[raised.tail], self._spread[raised.tail] = raised.center, raised.spread
            self._raised[raised.tail] = raised.mean

    def hear(self, values: Array, row: int) -> HeardWitness | None:
        """The loudest of the normalised values ``[tails]`` of a row; None where none reaches its lower level."""
        measured = (values - self._center) / self._spread
        heard = None
        if self._rule.speaking(measured).any():
            heard = self._rule.judge(measured, self.fired)
        else:
            self.fired &= np.isnan(values)  # quiet where the grid completed a row
        self._follow(values, row)
        return heard

    def first_row(self, row: int, rows: int) -> int | None:
        """Since when tails stay over their thresholds, where one of them has stayed for ``rows``; else None."""
        staying = self.since >= 0
        if not staying.any() or row - int(self.since[staying].min()) < rows:
            return None
        return int(self.since[staying].min())

    def raise_staying(self) -> None:
        """From now on the tails that stay high are measured from their present values."""
        staying = self.since >= 0
        self._center[staying] = self._mean[staying]
        self._spread[staying] = np.maximum(self._deviation[staying], 1.0)
        self._raised[staying] = self._mean[staying]
        self.fired[staying] = False
        self.since[staying] = _NOT

    def restart(self, row: int) -> None:
        """Count the time that tails stay high from a row on: what they are compared with has changed."""
        self.since[self.since >= 0] = row

    def levels(self, before: StandingLevels) -> StandingLevels:
        """What the asset's memory keeps of the tails."""
        return StandingLevels(
            model_version=before.model_version,
            runs=tuple(
                TailRun(
                    tail=tail,
                    since_row=int(self.since[tail]),
                    mean=float(self._mean[tail]),
                    deviation=float(self._deviation[tail]),
                )
                for tail in np.flatnonzero(self.since >= 0).tolist()
            ),
            raised=tuple(
                RaisedTail(
                    tail=tail,
                    center=float(self._center[tail]),
                    spread=float(self._spread[tail]),
                    mean=float(self._raised[tail]),
                )
                for tail in np.flatnonzero(~np.isnan(self._raised)).tolist()
            ),
            shifts=before.shifts,
        )

    def _follow(self, values: Array, row: int) -> None:
        """Bring the times and the means up to date."""
        known = ~np.isnan(values)
        begun = self.fired & (self.since < 0)
        self.since[begun], self._mean[begun], self._deviation[begun] = row, values[begun], 0.0
        self.since[~self.fired] = _NOT
        going = self.fired & known
        self._mean[going] += _RATE * (values[going] - self._mean[going])
        self._deviation[going] += _RATE * (np.abs(values[going] - self._mean[going]) - self._deviation[going])
        high = ~np.isnan(self._raised) & known
        self._raised[high] += _RATE * (values[high] - self._raised[high])
        usual = high & (self._raised < self._rule.holds)
        self._center[usual], self._spread[usual], self._raised[usual] = 0.0, 1.0, np.nan
