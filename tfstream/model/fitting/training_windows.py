"""Training series cut into blocks to learn from and blocks to calibrate on, and those into windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values

_SMALLEST_BLOCK, _LARGEST_BLOCK = 96, 512
_BLOCKS = 8
_HELD_OUT = (2, 5)  # of every five blocks the third
_LEAST_KNOWN = 0.5


class TrainingPiece(NamedTuple):
    """Unbroken rows of one series; ``first_row`` counts from the beginning of the series."""

    asset: str
    series: int
    first_row: int
    values: Values


class Split(NamedTuple):
    """What is learnt from and what is held out for the threshold."""

    learn: list[TrainingPiece]
    hold: list[TrainingPiece]


def split(series: Sequence[Series], window_rows: int) -> Split:
    """Every fifth block of every series is held out; a window never crosses from one part into the other."""
    learn: list[TrainingPiece] = []
    hold: list[TrainingPiece] = []
    for number, one in enumerate(series):
        rows = len(one.values)
        size = int(np.clip(rows // _BLOCKS, _SMALLEST_BLOCK, _LARGEST_BLOCK))
        blocks = max(rows // size, 1)
        edges = [block * size for block in range(blocks)] + [rows]
        start = 0
        for block in range(blocks):
            if block % _HELD_OUT[1] != _HELD_OUT[0]:
                continue
            learn.append(_piece(one, number, start, edges[block]))
            hold.append(_piece(one, number, edges[block], edges[block + 1]))
            start = edges[block + 1]
        learn.append(_piece(one, number, start, rows))
    return Split(_long_enough(learn, window_rows), _long_enough(hold, window_rows))


def whole(series: Sequence[Series]) -> list[TrainingPiece]:
    """Every series in one piece."""
    return [_piece(one, number, 0, len(one.values)) for number, one in enumerate(series)]


def _piece(series: Series, number: int, start: int, stop: int) -> TrainingPiece:
    return TrainingPiece(series.asset, number, start, series.values[start:stop])


def _long_enough(pieces: Sequence[TrainingPiece], window_rows: int) -> list[TrainingPiece]:
    return [piece for piece in pieces if len(piece.values) >= window_rows]


class WindowIndex(NamedTuple):
    """Windows by place: ``piece [n]`` and the first row within it, ``start [n]``."""

    piece: NDArray[np.int64]
    start: NDArray[np.int64]

    def take(self, chosen: NDArray[np.int64]) -> WindowIndex:
        return WindowIndex(self.piece[chosen], self.start[chosen])


def index(pieces: Sequence[TrainingPiece], window_rows: int, stride: int) -> WindowIndex:
    """All windows of the pieces at a stride, less those that are mostly missing."""
    found = [_usable(piece.values, window_rows, stride) for piece in pieces]
    numbers = [np.full(len(starts), number, dtype=np.int64) for number, starts in enumerate(found)]
    return (
        WindowIndex(np.concatenate(numbers), np.concatenate(found)) if found else WindowIndex(*(2 * [_NONE]))
    )


_NONE = np.empty(0, dtype=np.int64)


def _usable(values: Values, window_rows: int, stride: int) -> NDArray[np.int64]:
    known = np.isfinite(values).mean(axis=1)
    total = np.concatenate([[0.0], np.cumsum(known)])
    starts = np.arange(0, len(values) - window_rows + 1, stride, dtype=np.int64)
    share = (total[starts + window_rows] - total[starts]) / window_rows
    ever = max(np.isfinite(values).any(axis=0).mean(), 1e-9)  # a channel that never reports is no gap
    usable: NDArray[np.int64] = starts[share >= _LEAST_KNOWN * ever]
    return usable


def gather(pieces: Sequence[TrainingPiece], places: WindowIndex, window_rows: int) -> Values:
    """``[n, rows, channels]``."""
    return np.stack(
        [pieces[piece].values[start : start + window_rows] for piece, start in zip(*places, strict=True)]
    )


def filled(pieces: Sequence[TrainingPiece], places: WindowIndex, window_rows: int) -> Values:
    """``[n, rows, channels]`` of pieces in standard units; what is missing becomes the mean."""
    return np.nan_to_num(gather(pieces, places, window_rows), copy=False)
