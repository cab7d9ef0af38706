"""Fits the model of one grid to normal pieces: its predictor, and what errors and levels are usual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.model.witnesses.comparison import RowComparison, fit_comparison
from tfstream.model.witnesses.grid_model import GridModel, lagged_rows
from tfstream.model.witnesses.pyramid import ERROR_RATE, LEVEL_RATES, SPANS, order_of

_RIDGE = 100.0
_MOST_ROWS = 131_072  # that a grid is fitted to: more change nothing
_RUN_ROWS = 1_024  # unbroken, of longer pieces: few long ones would miss what happens at some hours only
_MOST_COMPARED, _LEAST_COMPARED = 32_768, 8_192
_COMPARED_CELLS = _MOST_COMPARED * 128  # fewer rows of more sensors
_LARGEST_INPUT = 1024  # numbers that a row is predicted from, at most
_ROWS_AT_ONCE = 4_096
_BLOCK = 64  # rows of an exponential mean computed together

Array = NDArray[np.float64]


def fit_grid(pieces: Sequence[Values], grid_rows: int) -> GridModel:
    """Fit to pieces ``[rows, sensors]`` of the grid, in standard units and without gaps.

    :raises ValueError: when no piece has more rows than the predictor looks back.
    """
    order = order_of(grid_rows)
    pieces = [piece for piece in pieces if len(piece) > order]
    if not pieces:
        raise ValueError(f"no piece has more than {order} rows of {grid_rows}")
    pieces = _some_runs(pieces, _MOST_ROWS)
    rows = sum(len(piece) - order for piece in pieces)
    basis = _principal(pieces, _LARGEST_INPUT // order)
    predictor = _fit_predictor(pieces, order, basis)
    errors = [_errors(piece, predictor, order, basis) for piece in pieces]
    comparisons = [
        _compare(errors, rows, centred=False),
        _compare(
            [exponential_mean(part, ERROR_RATE) for part in errors], rows * ERROR_RATE / 2, centred=False
        ),
    ]
    for span, rate in zip(SPANS, LEVEL_RATES, strict=True):
        levels = [exponential_mean(piece, rate) for piece in pieces]
        comparisons.append(_compare(levels, 2 * rows / span, centred=True))
    return GridModel(rows=grid_rows, predictor=predictor, comparisons=tuple(comparisons), basis=basis)


def exponential_mean(rows: Values, rate: float) -> Values:
    """The exponential mean after each row ``[n, sensors]``; it begins with the first row."""
    decay = (1 - rate) ** np.arange(_BLOCK + 1)
    age = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    lower = np.where(age >= 0, rate * (1 - rate) ** np.maximum(age, 0), 0.0)
    means = np.empty_like(rows)
    before = rows[0].astype(np.float64)
    for at in range(0, len(rows), _BLOCK):
        block = rows[at : at + _BLOCK].astype(np.float64)
        size = len(block)
        smoothed = lower[:size, :size] @ block + decay[1 : size + 1, None] * before
        means[at : at + size], before = smoothed, smoothed[-1]
    return means


def standard_rows(scaler: Scaler, values: Values, asset: str) -> Values:
    """Rows ``[n, sensors]`` of an asset in standard units, 0 where missing."""
    return np.nan_to_num(scaler.transform(values[None], [asset])[0], copy=False)


def grid_means(rows: Values, size: int) -> Values:
    """The means of ``size`` rows each, ``[n // size, sensors]``; rows that are left at the end are not in."""
    whole = len(rows) // size * size
    means: Values = rows[:whole].reshape(-1, size, rows.shape[1]).mean(axis=1)
    return means


def _some_runs(pieces: Sequence[Values], most: int) -> list[Values]:
    """All pieces, or of long ones evenly placed runs of unbroken rows, about ``most`` rows together."""
    rows = sum(len(piece) for piece in pieces)
    if rows <= most:
        return list(pieces)
    chosen = []
    for piece in pieces:
        runs = max(round(len(piece) / rows * most / _RUN_ROWS), 1)
        starts = np.linspace(0, max(len(piece) - _RUN_ROWS, 0), runs).astype(np.int64)
        chosen += [piece[start : start + _RUN_ROWS] for start in np.unique(starts).tolist()]
    return chosen


def _principal(pieces: Sequence[Values], most: int) -> torch.Tensor | None:
    """The first principal directions ``[sensors, most]``; None where there are no more sensors."""
    sensors = pieces[0].shape[1]
    if sensors <= most:
        return None
    gram = np.zeros((sensors, sensors))
    for piece in pieces:
        gram += piece.T @ piece
    directions = np.linalg.eigh(gram).eigenvectors[:, : -most - 1 : -1]
    return torch.from_numpy(directions.astype(np.float32)).contiguous()


def _fit_predictor(pieces: Sequence[Values], order: int, basis: torch.Tensor | None) -> torch.Tensor:
    """Ridge regression by the normal equations: ``[order * sensors, sensors]``, or with components."""
    sensors = pieces[0].shape[1]
    inputs = order * (sensors if basis is None else basis.shape[1])
    gram, cross = np.zeros((inputs, inputs)), np.zeros((inputs, sensors))
    for piece in pieces:
        for at in range(0, len(piece) - order, _ROWS_AT_ONCE):
            part = piece[at : at + _ROWS_AT_ONCE + order]
            reduced = _reduced(part, basis)
            lagged = lagged_rows(reduced, order)
            gram += _lag_products(reduced, lagged, order)
            cross += lagged.T @ part[order:]
    weights = np.linalg.solve(gram + _RIDGE * np.eye(len(gram)), cross)
    return torch.from_numpy(weights).float().contiguous()


def _lag_products(part: Values, lagged: Values, order: int) -> Array:
    """``lagged.T @ lagged``, from the products with the newest row alone.

    The products of two lags are those of the two lags before, but for a row at each end.
    """
    sensors = part.shape[1]
    products = np.empty((order, sensors, order, sensors))
    products[0] = (part[order - 1 : -1].T @ lagged).reshape(sensors, order, sensors)
    products[:, :, 0] = products[0].transpose(1, 2, 0)
    ends = part.astype(np.float64)
    first, last = ends[order - 2 :: -1], ends[-2::-1]  # the newest first
    for row in range(order - 1):
        for column in range(order - 1):
            added, removed = np.outer(first[row], first[column]), np.outer(last[row], last[column])
            products[row + 1, :, column + 1] = products[row, :, column] + added - removed
    return products.reshape(order * sensors, order * sensors)


def _reduced(rows: Values, basis: torch.Tensor | None) -> Values:
    return rows if basis is None else rows @ basis.numpy()


def _errors(piece: Values, predictor: torch.Tensor, order: int, basis: torch.Tensor | None) -> Values:
    errors = np.empty((len(piece) - order, piece.shape[1]), dtype=np.float32)
    weights = predictor.numpy()
    for at in range(0, len(errors), _ROWS_AT_ONCE):
        part = piece[at : at + _ROWS_AT_ONCE + order]
        errors[at : at + _ROWS_AT_ONCE] = part[order:] - lagged_rows(_reduced(part, basis), order) @ weights
    return errors


def _compare(pieces: Sequence[Values], independent_rows: float, *, centred: bool) -> RowComparison:
    rows = np.concatenate(pieces)
    most = min(max(_COMPARED_CELLS // rows.shape[1], _LEAST_COMPARED), _MOST_COMPARED)
    rows = rows[:: -(-len(rows) // most)]
    return fit_comparison(rows.astype(np.float64), independent_rows, centred=centred)
