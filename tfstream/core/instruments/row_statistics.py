"""Statistics of rows that the checks compare with their limits. Learning and streaming share them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values, is_complete

VARIATION_ROWS = 32  # whose second differences a variation adds up
REPEAT_ROWS = 64  # in which repeated extreme values are counted
_STEP = 16  # rows between two variations
_REPEAT_STEP = 32  # rows between two counts of repeated values
_CAP = np.float32(3)  # units: a single jump of the process must not look like noise

Counts = NDArray[np.int32]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Runs(NamedTuple):
    """``lengths [rows, sensors]``: how many known rows up to each row have the same value, 0 where missing.

    ``changes [rows, sensors]`` are the absolute differences from the last known value, NaN where there is
    none. ``last`` and ``run`` are the last known value of each sensor and its run, ``[sensors]``.
    """

    lengths: Counts
    changes: Values
    last: Values
    run: Counts


def run_lengths(rows: Values, last: Values, run: Counts) -> Runs:
    """Continue the runs of equal values over ``rows [rows, sensors]``; NaN rows neither end nor extend one.

    ``last`` and ``run`` are those of the rows before; NaN and 0 before the first value.
    """
    if is_complete(rows.ravel()):
        return _runs(rows, rows, last, run, None)
    return _runs(rows, _carried(rows, last), last, run, ~np.isnan(rows))


def _runs(rows: Values, carried: Values, last: Values, run: Counts, known: Mask | None) -> Runs:
    """The runs of ``carried``, which has no missing cell after a sensor's first value."""
    before = np.empty_like(carried)
    before[0], before[1:] = last, carried[:-1]
    changed = carried != before
    with np.errstate(over="ignore"):  # between two values of a broken transmitter
        changes = np.abs(carried - before)
    if known is not None:
        changed &= known
        changes[~known] = np.nan
    lengths = np.ones(rows.shape, dtype=np.int32)
    newest = lengths[-1].copy()
    # Most sensors change at every row; their runs need no arithmetic.
    slow = np.flatnonzero(~np.logical_and.reduce(changed, axis=0))
    if len(slow):
        position = np.arange(1, len(rows) + 1, dtype=np.int32)[:, None]
        if known is not None:
            position = np.cumsum(known[:, slow], axis=0, dtype=np.int32)
        start = np.where(changed[:, slow], position - np.int32(1), -run[slow])
        slow_lengths = position - np.maximum.accumulate(start, axis=0)
        newest[slow] = slow_lengths[-1]
        lengths[:, slow] = slow_lengths
    if known is not None:
        newest[np.isnan(carried[-1])] = 0
        lengths[~known] = 0
    return Runs(lengths, changes, carried[-1].copy(), newest)


def _carried(rows: Values, last: Values) -> Values:
    """The rows with every missing cell filled with the last known value."""
    extended = np.concatenate([last[None], rows])
    row = np.arange(len(extended))[:, None]
    source = np.maximum.accumulate(np.where(np.isnan(extended), 0, row), axis=0)
    carried: Values = np.take_along_axis(extended, source, axis=0)[1:]
    return carried


def variations(values: Values, first_row: int, from_row: int, unit: Values) -> tuple[Numbers, Values]:
    """The rows ``[n]`` from ``from_row`` on at which a variation ends, and the variations ``[n, sensors]``.

    ``values [rows, sensors]`` begin at row ``first_row``. A variation is the mean over 32 rows of the
    absolute second difference, in units of ``unit [sensors]`` and at most 2 in a row. It ends at every 16th
    row for which ``values`` have the rows before; NaN where one of them is missing.
    """
    end = _next_end(max(from_row, first_row + VARIATION_ROWS + 1), _STEP)
    last = first_row + len(values) - 1
    if end > last:
        return np.empty(0, dtype=np.int64), np.empty((0, values.shape[1]), dtype=np.float32)
    ends = np.arange(end, last + 1, _STEP, dtype=np.int64)
    begin, stop = end - VARIATION_ROWS - 1 - first_row, int(ends[-1]) + 1 - first_row
    with np.errstate(over="ignore", invalid="ignore"):  # values of a broken transmitter
        steps = values[begin + 1 : stop] - values[begin : stop - 1]
        second = steps[1:] - steps[:-1]
        np.abs(second, out=second)
        second /= unit
        np.minimum(second, _CAP, out=second)
    sums = second.reshape(-1, _STEP, values.shape[1]).sum(axis=1)
    total: Values = sums[:-1] + sums[1:]
    total /= np.float32(VARIATION_ROWS)
    return ends, total


def repeats(values: Values, first_row: int, from_row: int) -> tuple[Numbers, Values]:
    """The rows ``[n]`` from ``from_row`` on at which a count ends, and the counts ``[n, sensors]``.

    A count is how many of 64 rows have exactly the largest, or exactly the smallest, value of these rows,
    whichever are more; it ends at every 32nd row; 0 where a value is missing.
    """
    end = _next_end(max(from_row, first_row + REPEAT_ROWS - 1), _REPEAT_STEP)
    ends = np.arange(end, first_row + len(values), _REPEAT_STEP, dtype=np.int64)
    counts = np.empty((len(ends), values.shape[1]), dtype=np.float32)
    for at, stop in enumerate((ends + 1 - first_row).tolist()):
        rows = values[stop - REPEAT_ROWS : stop]
        highest = np.add.reduce((rows == rows.max(axis=0)).view(np.uint8), axis=0, dtype=np.uint8)
        lowest = np.add.reduce((rows == rows.min(axis=0)).view(np.uint8), axis=0, dtype=np.uint8)
        counts[at] = np.maximum(highest, lowest)
    return ends, counts


def _next_end(row: int, step: int) -> int:
    """The first row from ``row`` on whose successor is a multiple of ``step``."""
    return row + (-(row + 1)) % step
