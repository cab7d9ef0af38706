"""What a shift of levels adds to the rows that the statistics of a grid compare.

Predictors and exponential means are linear, so that a shift adds to each row what it would give alone. The
witnesses take this away again: their own means stay as the sensors show them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.standing_levels import LevelShift
from tfstream.core.reading import Values
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.pyramid import COMPARED, ERROR_RATE, FIRST_LEVELS, LEVEL_RATES

_LASTS = 64  # rows of a grid after which a shift adds the same to every row

Integers = NDArray[np.int64]


def shift_response(grid: GridModel, shifts: Sequence[LevelShift], scale: Values, ends: Integers) -> Values:
    """What shifts add to rows of a grid that end with rows ``ends [n]``: ``[n, COMPARED, sensors]``.

    :param scale: ``[sensors]``, a standard unit of each sensor.
    """
    added = np.zeros((len(ends), COMPARED, len(scale)), dtype=np.float32)
    for shift in shifts:
        size = _standard(shift, scale)
        added += _response(grid, size, shift.row, ends)
        if shift.home_row is not None:
            added -= _response(grid, size, shift.home_row, ends)
    return added


def return_response(grid: GridModel, shift: LevelShift, scale: Values, rows: int) -> Values:
    """What is added to the last row of a grid if a shift went home before one, two, ... ``rows`` of its rows.

    ``[rows, COMPARED, sensors]``; to be compared with rows that the shift itself was taken away from.
    """
    size = _standard(shift, scale)
    return -_begin(size, _predicted(grid, size), 1.0, rows)


def spent(shift: LevelShift, end: int, longest_grid: int) -> bool:
    """Whether a shift that went home adds nothing any more; ``longest_grid`` is the highest grid's rows."""
    return shift.home_row is not None and end - shift.home_row > _LASTS * longest_grid


def _response(grid: GridModel, size: Values, first: int, ends: Integers) -> Values:
    """What a shift by ``size [sensors]`` from row ``first`` on adds, in standard units."""
    begun = first // grid.rows  # the number of the row of the grid that the shift begins in
    number = (ends + 1) // grid.rows - 1 - begun
    added = np.zeros((len(ends), COMPARED, len(size)), dtype=np.float32)
    predicted = _predicted(grid, size)
    lasting = number >= _LASTS
    if lasting.any():
        added[lasting] = size
        added[lasting, :FIRST_LEVELS] -= predicted.sum(axis=0)
    changing = (number >= 0) & ~lasting
    if changing.any():
        part = ((begun + 1) * grid.rows - first) / grid.rows
        added[changing] = _begin(size, predicted, part, _LASTS)[number[changing]]
    return added


def _standard(shift: LevelShift, scale: Values) -> Values:
    """The shift of every sensor, in standard units."""
    size = np.zeros(len(scale), dtype=np.float32)
    size[list(shift.sensors)] = shift.sizes
    size /= scale
    return size


def _predicted(grid: GridModel, size: Values) -> Values:
    """What each of the shifted rows before adds to the prediction of a row: ``[order, sensors]``."""
    inputs = size if grid.basis is None else size @ grid.basis.numpy()
    lagged = grid.predictor.numpy().reshape(grid.order, len(inputs), len(size))
    predicted: Values = np.einsum("i,lij->lj", inputs, lagged)
    return predicted


def _begin(size: Values, predicted: Values, part: float, rows: int) -> Values:
    """What the shift adds to each of the first rows that it covers: ``[rows, COMPARED, sensors]``.

    :param part: of the first of these rows that the shift covers.
    """
    rates = np.array([ERROR_RATE, *LEVEL_RATES], dtype=np.float32)[:, None]
    shown = np.ones(rows, dtype=np.float32)
    shown[0] = part
    added = np.empty((rows, COMPARED, len(size)), dtype=np.float32)
    means = np.zeros((len(rates), len(size)), dtype=np.float32)
    for row in range(rows):
        level = shown[row] * size
        before = shown[max(row - len(predicted), 0) : row][::-1]
        error = level - before @ predicted[: len(before)]
        means += rates * (np.stack([error, *[level] * len(LEVEL_RATES)]) - means)
        added[row, 0], added[row, 1:] = error, means
    return added
