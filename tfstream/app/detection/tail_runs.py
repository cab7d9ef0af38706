"""Follows which tails of an asset stay over their thresholds, and what is usual while a shift stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.standing_levels import PresentTail, StandingLevels, TailRun
from tfstream.core.alarms.witness_rule import HeardWitness, WitnessRule

_FAST_RATE = 1 / 16  # of the means of values that stay high
_SLOW_RATE = 1 / 256  # of what is usual while a shift stands
_FAR = 3.0  # spreads
_WIDEST = 4.0  # spreads: wider values must not hide a fault
_SETTLING_ROWS = 64  # of the stream, after a shift was accepted: a window; but at least
_SETTLING_VALUES = 8
_MOST_REFINED = 3  # times that the size of a shift is estimated again
_NOT = -1

Array = NDArray[np.float64]


class TailRuns:
    """The tails ``[tails]`` of an asset, row after row.

    ``fired [tails]`` is true for tails that have exceeded their threshold and were not quiet since. While a
    shift stands, values are measured from their present usual value: what has changed with the shift, such
    as noise, would otherwise raise alarm after alarm.
    """

    def __init__(self, rule: WitnessRule, levels: StandingLevels, fired: NDArray[np.bool_]) -> None:
        self._rule, self.fired = rule, fired
        self._grid_rows, self._levels = rule.grid_rows, rule.is_levels
        self._accepted_row, self._refined = levels.accepted_row, levels.refined
        self._still_high = False
        count = len(fired)
        self._since = np.full(count, _NOT, dtype=np.int64)
        self._mean, self._deviation = np.zeros(count), np.zeros(count)
        self._center, self._spread = np.zeros(count), np.ones(count)
        self._standing = bool(levels.present)
        for run in levels.runs:
            self._since[run.tail] = run.since_row
            self._mean[run.tail], self._deviation[run.tail] = run.mean, run.deviation
        for present in levels.present:
            self._center[present.tail], self._spread[present.tail] = present.center, present.spread

    def hear(self, values: Array, row: int) -> HeardWitness | None:
        """The loudest of the normalised values ``[tails]`` of a row; None where none is over its hold."""
        measured = (values - np.maximum(self._center, 0.0)) / self._spread
        heard = None
        if self._rule.speaking(measured).any():
            heard = self._rule.judge(measured, self.fired)
        else:
            self.fired &= np.isnan(values)  # quiet where the grid completed a row
        self._follow(values, row)
        return heard

    def stayed_since(self, row: int, rows: int) -> int | None:
        """Since when tails have been over their thresholds, if one has for ``rows`` rows; else None."""
        staying = (self._since >= 0) & ~self._settling
        if not staying.any() or row - int(self._since[staying].min()) < rows:
            return None
        return int(self._since[staying].min())

    @property
    def refines_since(self) -> int | None:
        """Since when a shift has stood whose size was not estimated well: levels stayed high after that."""
        return self._accepted_row if self._still_high and self._refined < _MOST_REFINED else None

    def accept(self, row: int, *, again: bool) -> None:
        """What stays is accepted with a row: for a while, tails that were high raise no alarm.

        Meanwhile they show what is usual for them without the shift.

        :param again: whether the shift was accepted before, and its size was estimated again.
        """
        self._standing, self._accepted_row = True, row
        self._refined = self._refined + 1 if again else 0
        high = self._since >= 0
        if again:
            high |= self._center >= self._rule.holds
            self.fired |= high
        self._center[high], self._spread[high], self._since[high] = 0.0, 1.0, row

    def levels(self, before: StandingLevels) -> StandingLevels:
        """What the asset's memory keeps of the tails."""
        return StandingLevels(
            model_version=before.model_version,
            sensors_key=before.sensors_key,
            runs=tuple(
                TailRun(
                    tail=tail,
                    since_row=int(self._since[tail]),
                    mean=float(self._mean[tail]),
                    deviation=float(self._deviation[tail]),
                )
                for tail in np.flatnonzero(self._since >= 0).tolist()
            ),
            present=tuple(
                PresentTail(tail=tail, center=float(self._center[tail]), spread=float(self._spread[tail]))
                for tail in (range(len(self.fired)) if self._standing else ())
            ),
            shifts=before.shifts,
            accepted_row=self._accepted_row,
            refined=self._refined,
            model_row=before.model_row,
            high=self._standing and bool((self._center >= self._rule.holds).any()),
        )

    @property
    def _settling(self) -> NDArray[np.bool_]:
        """``[tails]``: which tails were high when a shift was accepted shortly before."""
        return np.asarray((self._since >= 0) & (self._since == self._accepted_row))

    def _follow(self, values: Array, row: int) -> None:
        """Bring times and means up to date."""
        known, settling = ~np.isnan(values), self._settling
        if settling.any():
            self.fired |= settling
            fresh = settling & known
            seen = (row - self._accepted_row) / self._grid_rows[fresh]
            rate = np.maximum(_FAST_RATE, 1 / np.maximum(seen, 1.0))
            self._center[fresh] += rate * (values[fresh] - self._center[fresh])
            distance = np.abs(values[fresh] - self._center[fresh])
            spread = self._spread[fresh] + _FAST_RATE * (distance - self._spread[fresh])
            self._spread[fresh] = np.clip(spread, 1.0, _WIDEST)
            least = np.maximum(_SETTLING_ROWS, _SETTLING_VALUES * self._grid_rows)
            settled = settling & (row - self._accepted_row >= least)
            self.fired[settled], self._since[settled] = False, _NOT
            self._still_high = bool((settled & self._levels & (self._center >= self._rule.holds)).any())
        begun = self.fired & (self._since < 0)
        self._since[begun], self._mean[begun], self._deviation[begun] = row, values[begun], 0.0
        self._since[~self.fired] = _NOT
        going = self.fired & known
        self._mean[going] += _FAST_RATE * (values[going] - self._mean[going])
        distance = np.abs(values[going] - self._mean[going])
        self._deviation[going] += _FAST_RATE * (distance - self._deviation[going])
        if self._standing and not self.fired.any():
            self._follow_usual(values, known)

    def _follow_usual(self, values: Array, known: NDArray[np.bool_]) -> None:
        """The center follows the median of quiet values, the spread their median distance from it.

        Values far below are followed fast: a center that is too high hides faults.
        """
        center, spread = self._center[known], self._spread[known]
        distance = (values[known] - center) / spread
        low = distance < -_FAR
        step = np.where(low, _FAST_RATE * distance, _SLOW_RATE * np.clip(distance, -1.0, 1.0))
        widening = np.where(low, -_FAST_RATE, np.where(np.abs(distance) > 1, _SLOW_RATE, -_SLOW_RATE))
        self._center[known] = center + step * spread
        self._spread[known] = np.clip(spread * (1 + widening), 1.0, _WIDEST)
