"""What witnesses of an asset that stay over their thresholds have shown so far, and the shifts that stayed.

A shift that stays is one alarm. Once it has stayed for long enough it is accepted: from then on the witnesses
compare what the sensors would show without it, so that the next fault raises an alarm of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
import numpy as np

from tfstream.core.reading import Values
from tfstream.core.stream import MICROSECONDS

_ACCEPTED_AFTER_US = 12 * 3600 * MICROSECONDS
_LEARNT_ROWS = 64  # after a new model begins: it needs some rows to see what it has learnt
_LEAST_ROWS = 64  # of a stream with few rows an hour: a window


class LevelShift(msgspec.Struct, frozen=True, kw_only=True):
    """From row ``row`` of the stream on, ``sensors`` stand at other levels, by ``sizes`` in their own units.

    ``home_row`` is the row from which on they are back, None while they are not.
    """

    row: int
    sensors: tuple[int, ...]
    sizes: tuple[float, ...]
    home_row: int | None = None


class TailRun(msgspec.Struct, frozen=True, kw_only=True):
    """A tail, by its number, that has exceeded its threshold in row ``since_row`` and was not quiet since.

    ``mean`` and ``deviation`` (a mean distance from the mean) follow its normalised values since then.
    """

    tail: int
    since_row: int
    mean: float
    deviation: float


class PresentTail(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual for a tail while a shift stands: values are measured from ``center`` in ``spread``."""

    tail: int
    center: float
    spread: float


class StandingLevels(msgspec.Struct, frozen=True, kw_only=True):
    """What an asset's witnesses remember of values that stay. Tails are those of model ``model_version``.

    ``sensors_key`` stands for the sensors in their order: columns mean others under another key.

    A shift is in the sensors' own units, so that it outlives its model. ``accepted_row`` is the row in which
    the newest shift was accepted, -1 before the first; ``refined`` counts how often its size was estimated
    again. ``model_row`` is the last row before the model, -1 where the model saw the asset begin. ``high``:
    what is usual for a tail is over the level at which an alarm ends.
    """

    model_version: int
    sensors_key: int
    runs: tuple[TailRun, ...] = ()
    present: tuple[PresentTail, ...] = ()
    shifts: tuple[LevelShift, ...] = ()
    accepted_row: int = -1
    refined: int = 0
    model_row: int = -1
    high: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to remember."""
        return not (self.runs or self.present or self.shifts)

    @property
    def away(self) -> bool:
        """Whether a shift stands, or what is usual for a tail is high."""
        return self.high or any(shift.home_row is None for shift in self.shifts)

    def without_learnt(self) -> StandingLevels:
        """The same without shifts that went home with the model: it has learnt the new levels."""
        if self.model_row < 0:
            return self
        kept = (
            shift
            for shift in self.shifts
            if shift.home_row is None or abs(shift.home_row - self.model_row) > _LEARNT_ROWS
        )
        return msgspec.structs.replace(self, shifts=tuple(kept))

    def settled(self) -> StandingLevels:
        """The same; without what is usual beside a shift once nothing is away from usual."""
        if self.away or not self.present:
            return self
        return msgspec.structs.replace(self, present=())

    def under(self, model_version: int, sensors_key: int, row: int) -> StandingLevels:
        """The same for another model, whose tails are others; ``row`` is the last row before it."""
        if sensors_key != self.sensors_key:
            return StandingLevels(model_version=model_version, sensors_key=sensors_key)
        if model_version == self.model_version:
            return self
        return StandingLevels(
            model_version=model_version,
            sensors_key=sensors_key,
            shifts=self.shifts,
            accepted_row=self.accepted_row,
            model_row=row,
        )


def sensors_key(sensors: Sequence[str]) -> int:
    """A number that changes with the names of the sensors and with their order."""
    return zlib.crc32("\x1f".join(sensors).encode())


def accepted_after_us(interval_us: int) -> int:
    """How long an alarm stands before what stays is accepted: half a day, or a window of a slow stream."""
    return max(_ACCEPTED_AFTER_US, _LEAST_ROWS * interval_us)


def shifted_rows(values: Values, shifts: Sequence[LevelShift], end: int) -> Values:
    """Rows ``[rows, sensors]`` of the stream up to row ``end`` as they would be without the shifts."""
    if not shifts:
        return values
    home, rows = values.copy(), np.arange(end + 1 - len(values), end + 1)
    for shift in shifts:
        stop = end + 1 if shift.home_row is None else shift.home_row
        within = (rows >= shift.row) & (rows < stop)
        home[np.ix_(within, np.array(shift.sensors))] -= np.array(shift.sizes, dtype=np.float32)
    return home
