"""Decides what a shift that has stayed is worth, and whether a shift has gone home."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tfstream.core.alarms.standing_levels import LevelShift
from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Values
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.comparison import RowComparison
from tfstream.model.witnesses.grid_model import LIMIT, GridModel
from tfstream.model.witnesses.pyramid import COMPARED, FIRST_LEVELS
from tfstream.model.witnesses.shift_estimate import estimate_shift
from tfstream.model.witnesses.shift_response import return_response, shift_response, spent
from tfstream.model.witnesses.witness_state import WitnessStates

Shifts = tuple[LevelShift, ...]

_SCALES = 1.5  # a level has mostly shifted once the shift is so many times as old as the level's time scale
_MOST_SHIFTS = 6  # that an asset remembers one by one
_TRIED = 16  # rows of a grid in which a shift may have gone home
_SURE = 4  # rows of a grid at home


class ShiftJudge:
    """Estimates the shifts of assets under one detector, and compares what is seen with their return."""

    def __init__(self, detector: Detector) -> None:
        self._detector, self._grids = detector, detector.witnesses.grids
        self._tails = sorted(
            (tail for tail in detector.witnesses.admitted if tail.witness is Witness.LEVELS),
            key=lambda tail: tail.scale_rows,
        )

    def accept(self, states: WitnessStates, asset: str, end: int, shifts: Shifts, first: int) -> Shifts:
        """The shifts of an asset whose levels have stayed away from row ``first`` to row ``end``.

        Unchanged where its levels agree with each other, or where no witness looks at levels.

        :param states: of the asset alone, after row ``end``.
        """
        if not self._tails:
            return shifts
        old = [tail for tail in self._tails if _SCALES * tail.scale_rows <= end - first]
        tail = old[-1] if old else self._tails[0]
        grid = self._grids[tail.level]
        location, scale = self._units(asset)
        level = states.grids[tail.level].levels[0, tail.statistic - FIRST_LEVELS]
        standard = np.clip((level - location) / scale, -LIMIT, LIMIT).astype(np.float32)
        newest = np.array([(end + 1) // grid.rows * grid.rows - 1])
        standard -= shift_response(grid, shifts, scale, newest)[0, tail.statistic]
        estimated = estimate_shift(self._comparison(grid, tail.statistic, asset), standard)
        if not estimated.sensors:
            return shifts
        sizes = np.array(estimated.sizes) * scale[list(estimated.sensors)]
        new = LevelShift(row=first, sensors=estimated.sensors, sizes=tuple(sizes.tolist()))
        return _merged((*shifts, new))

    def home(
        self, tail: WitnessTail, compared: Values, end: int, asset: str, shifts: Shifts, threshold: float
    ) -> Shifts | None:
        """The shifts, if one of them going home explains a row over its threshold; else None.

        Once it has been home for some rows, it is marked so.

        :param compared: the row ``[sensors]`` that the tail's statistic compares, ending with row ``end``.
        """
        if tail.statistic >= COMPARED:
            return None
        grid, (_, scale) = self._grids[tail.level], self._units(asset)
        rows = end + 1 - grid.rows * np.arange(1, _TRIED + 1)
        best: tuple[float, int, int] | None = None  # value, number of the shift, place in rows
        for number, shift in enumerate(shifts):
            if shift.home_row is not None:
                continue
            gone = return_response(grid, shift, scale, _TRIED)[:, tail.statistic]
            values = self._values(grid, tail, compared - gone, asset)
            place = int(values.argmin())
            if best is None or values[place] < best[0]:
                best = float(values[place]), number, place
        if best is None or best[0] >= threshold:
            return None
        _, number, place = best
        if place + 1 < _SURE:
            return shifts
        home = replace(shifts[number], home_row=max(int(rows[place]), shifts[number].row + 1))
        return (*shifts[:number], home, *shifts[number + 1 :])

    def _values(self, grid: GridModel, tail: WitnessTail, rows: Values, asset: str) -> NDArray[np.float64]:
        numbers = np.zeros(len(rows), dtype=np.int64)
        return tail.normalised(grid.statistic(tail.statistic, rows, [asset], numbers))

    def without_spent(self, shifts: Shifts, end: int) -> Shifts:
        """The shifts that still add something to what is compared."""
        return tuple(shift for shift in shifts if not spent(shift, end, self._grids[-1].rows))

    def _units(self, asset: str) -> tuple[Values, Values]:
        """Location and scale of the asset's sensors, ``[sensors]`` each."""
        scaler = self._detector.scaler
        row = scaler.rows_of([asset])[0]
        return scaler.location[row].astype(np.float32), scaler.scale[row].astype(np.float32)

    def _comparison(self, grid: GridModel, statistic: int, asset: str) -> RowComparison:
        comparison = grid.comparisons[statistic]
        return grid.own[statistic].merged(asset, comparison) if statistic in grid.own else comparison


def _merged(shifts: Shifts) -> Shifts:
    """The shifts, of which the oldest that stand become one where there are too many."""
    standing = [shift for shift in shifts if shift.home_row is None]
    if len(standing) <= _MOST_SHIFTS:
        return shifts
    first, second = standing[:2]
    sizes = dict(zip(first.sensors, first.sizes, strict=True))
    for sensor, size in zip(second.sensors, second.sizes, strict=True):
        sizes[sensor] = sizes.get(sensor, 0.0) + size
    both = LevelShift(row=second.row, sensors=tuple(sizes), sizes=tuple(sizes.values()))
    return (both, *(shift for shift in shifts if shift is not first and shift is not second))
