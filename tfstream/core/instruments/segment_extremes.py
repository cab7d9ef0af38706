"""The largest values of every statistic in short stretches of training rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.instruments.instrument_check import InstrumentCheck
from tfstream.core.instruments.limit_rule import CHECKS, QUIET_FLOOR
from tfstream.core.instruments.row_statistics import REPEAT_ROWS, Runs, repeats, run_lengths, variations
from tfstream.core.reading import Series, Values

_STRETCH = 64  # rows
_ROWS_AT_ONCE = 64 * _STRETCH


class SensorShape(NamedTuple):
    """What the statistics need of each sensor, ``[sensors]``: its median, and the unit of its variation."""

    median: Values
    unit: Values


class Extremes(NamedTuple):
    """``largest [stretches, checks, sensors]`` in the order of time, NaN where no row has a value.

    ``known [sensors]`` rows with a value, ``changes [sensors]`` rows with another value than the row before,
    ``longest_gaps [sensors]`` most rows in a row without a value; of ``rows`` rows.
    """

    largest: Values
    known: NDArray[np.int64]
    changes: NDArray[np.int64]
    longest_gaps: NDArray[np.int32]
    rows: int


def find_extremes(pieces: Sequence[Series], shape: SensorShape, interval_us: int) -> Extremes:
    """Go through the pieces of an asset, or of all assets, on the regular grid."""
    found: list[tuple[int, Values]] = []
    sensors = len(shape.median)
    known, changes = np.zeros(sensors, dtype=np.int64), np.zeros(sensors, dtype=np.int64)
    gaps = np.zeros(sensors, dtype=np.int32)
    for piece in pieces:
        first_row = int(piece.times_us[0]) // interval_us
        last, run = np.full(sensors, np.nan, dtype=np.float32), np.zeros(sensors, dtype=np.int32)
        np.maximum(gaps, _longest_gaps(piece.values), out=gaps)
        for begin, stop in _blocks(first_row, len(piece.values)):
            runs = run_lengths(piece.values[begin:stop], last, run)
            last, run = runs.last, runs.run
            known += (runs.lengths > 0).sum(axis=0)
            changes += (runs.lengths == 1).sum(axis=0)
            found += _stretches(piece.values, runs, begin, first_row, shape)
    found.sort(key=lambda stretch: stretch[0])
    rows = sum(len(piece.values) for piece in pieces)
    return Extremes(np.stack([largest for _, largest in found]), known, changes, gaps, rows)


def _blocks(first_row: int, rows: int) -> Iterator[tuple[int, int]]:
    """The piece in blocks that end at multiples of a stretch."""
    begin = 0
    while begin < rows:
        stop = begin + _ROWS_AT_ONCE
        stop = min(stop - (first_row + stop) % _STRETCH, rows)
        yield begin, stop
        begin = stop


def _stretches(
    values: Values, runs: Runs, begin: int, first_row: int, shape: SensorShape
) -> list[tuple[int, Values]]:
    """The first row and the largest values ``[checks, sensors]`` of each stretch of a block of rows."""
    rows = values[begin : begin + len(runs.lengths)]
    numbers = np.arange(first_row + begin, first_row + begin + len(rows))
    starts = np.flatnonzero(np.diff(numbers // _STRETCH, prepend=-1))
    largest = np.full((len(starts), CHECKS, values.shape[1]), np.nan, dtype=np.float32)
    above = rows - shape.median
    by_row = {
        InstrumentCheck.RUN: runs.lengths.astype(np.float32),
        InstrumentCheck.HIGH: above,
        InstrumentCheck.LOW: -above,
        InstrumentCheck.RATE: runs.changes,
    }
    for check, statistic in by_row.items():
        largest[:, check] = np.fmax.reduceat(statistic, starts, axis=0)
    from_row = first_row + begin
    history = max(begin - REPEAT_ROWS, 0)
    extended, extended_row = values[history : begin + len(rows)], first_row + history
    ends, varied = variations(extended, extended_row, from_row, shape.unit)
    at = np.searchsorted(numbers[starts], ends, side="right") - 1
    np.fmax.at(largest[:, InstrumentCheck.NOISE], at, varied)
    np.fmax.at(largest[:, InstrumentCheck.QUIET], at, 1 / (varied + np.float32(QUIET_FLOOR)))
    ends, counts = repeats(extended, extended_row, from_row)
    at = np.searchsorted(numbers[starts], ends, side="right") - 1
    np.fmax.at(largest[:, InstrumentCheck.REPEATS], at, counts)
    return list(zip(numbers[starts].tolist(), largest, strict=True))


def _longest_gaps(values: Values) -> NDArray[np.int32]:
    """Most rows in a row without a value, between two values, ``[sensors]``."""
    gaps = np.zeros(values.shape[1], dtype=np.int32)
    for sensor in np.flatnonzero(np.isnan(values).any(axis=0)).tolist():
        rows = np.flatnonzero(~np.isnan(values[:, sensor]))
        if len(rows) > 1:
            gaps[sensor] = np.diff(rows).max() - 1
    return gaps
