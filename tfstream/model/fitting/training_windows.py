"""Cuts training series into blocks to learn from and blocks to calibrate on, and these into windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values

_SMALLEST_BLOCK, _LARGEST_BLOCK = 96, 512
_BLOCKS = 8
_HELD_OUT = (2, 5)  # the third of every five blocks
_LEAST_KNOWN = 0.5  # of the cells of a window


class TrainingPiece(NamedTuple):
    """Unbroken rows of the series with index ``series``; ``first_row`` counts from its start."""

    asset: str
    series: int
    first_row: int
    values: Values


class Split(NamedTuple):
    """The pieces to learn from, and the pieces held out to calibrate the threshold."""

    learn: list[TrainingPiece]
    hold: list[TrainingPiece]


def split(series: Sequence[Series], window_rows: int) -> Split:
    """Hold out every fifth block of every series; no window crosses from a part into the other."""
    learn: list[TrainingPiece] = []
    hold: list[TrainingPiece] = []
    for number, unsplit in enumerate(series):
        rows = len(unsplit.values)
        size = int(np.clip(rows // _BLOCKS, _SMALLEST_BLOCK, _LARGEST_BLOCK))
        blocks = max(rows // size, 1)
        edges = [block * size for block in range(blocks)] + [rows]
        start = 0
        for block in range(blocks):
            if block % _HELD_OUT[1] != _HELD_OUT[0]:
                continue
            learn.append(_piece(unsplit, number, start, edges[block]))
            hold.append(_piece(unsplit, number, edges[block], edges[block + 1]))
            start = edges[block + 1]
        learn.append(_piece(unsplit, number, start, rows))
    return Split(_long_enough(learn, window_rows), _long_enough(hold, window_rows))


def whole_pieces(series: Sequence[Series]) -> list[TrainingPiece]:
    """Every series as a single piece."""
    return [_piece(unsplit, number, 0, len(unsplit.values)) for number, unsplit in enumerate(series)]


def _piece(series: Series, number: int, start: int, stop: int) -> TrainingPiece:
    return TrainingPiece(series.asset, number, start, series.values[start:stop])


def _long_enough(pieces: Sequence[TrainingPiece], window_rows: int) -> list[TrainingPiece]:
    return [piece for piece in pieces if len(piece.values) >= window_rows]


class WindowIndex(NamedTuple):
    """Where windows are: the index of the piece, ``piece [n]``, and the first row in it, ``start [n]``."""

    piece: NDArray[np.int64]
    start: NDArray[np.int64]

    def take(self, chosen: NDArray[np.int64]) -> WindowIndex:
        """Some of the windows."""
        return WindowIndex(self.piece[chosen], self.start[chosen])


def index_windows(pieces: Sequence[TrainingPiece], window_rows: int, stride: int) -> WindowIndex:
    """All windows of the pieces at a stride, without those whose values are mostly missing."""
    starts = [_usable(piece.values, window_rows, stride) for piece in pieces]
    numbers = [np.full(len(part), number, dtype=np.int64) for number, part in enumerate(starts)]
    return (
        WindowIndex(np.concatenate(numbers), np.concatenate(starts))
        if starts
        else WindowIndex(*(2 * [_NO_WINDOWS]))
    )


_NO_WINDOWS = np.empty(0, dtype=np.int64)


def _usable(values: Values, window_rows: int, stride: int) -> NDArray[np.int64]:
    known = np.isfinite(values).mean(axis=1)
    total = np.concatenate([[0.0], np.cumsum(known)])
    starts = np.arange(0, len(values) - window_rows + 1, stride, dtype=np.int64)
    share = (total[starts + window_rows] - total[starts]) / window_rows
    ever = max(np.isfinite(values).any(axis=0).mean(), 1e-9)  # a channel without any value is no gap
    usable: NDArray[np.int64] = starts[share >= _LEAST_KNOWN * ever]
    return usable


def gather(pieces: Sequence[TrainingPiece], index: WindowIndex, window_rows: int) -> Values:
    """The windows at the positions of the index, ``[n, rows, channels]``."""
    return np.stack(
        [pieces[piece].values[start : start + window_rows] for piece, start in zip(*index, strict=True)]
    )


def gather_filled(pieces: Sequence[TrainingPiece], index: WindowIndex, window_rows: int) -> Values:
    """Windows in standard units, ``[n, rows, channels]``; a missing value becomes the mean, 0."""
    return np.nan_to_num(gather(pieces, index, window_rows), copy=False)
