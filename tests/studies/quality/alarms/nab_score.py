"""The score of the Numenta Anomaly Benchmark, in its standard profile.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015, section II, and the code of
NAB 1.1 (``sweeper.py``): the earliest detection in a window counts from 1 at its first row down to 0 at its
last, later detections in it count nothing. A detection outside counts from 0, right after a window, to -0.11,
three window widths after it or before the first window. A window without a detection counts -1. Detections in
the probationary rows do not count. A detector that detects nothing has the score 0, a perfect one 100.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_FALSE_POSITIVE = 0.11
_PROBATION_SHARE, _MOST_PROBATION_ROWS = 0.15, 750
_FAR = 3.0  # window widths


class NabWindow(NamedTuple):
    """A labelled window: its first and its last row."""

    first: int
    last: int


class NabPoints(NamedTuple):
    """The points of one file or more; ``score`` makes 0 of nothing detected and 100 of a perfect detector."""

    points: float
    windows: int

    @property
    def score(self) -> float:
        """Normalised: NaN without a window."""
        return 100 * (self.points + self.windows) / (2 * self.windows) if self.windows else math.nan


def probation_rows(rows: int) -> int:
    """The first rows of a file, which a detector learns from and which are not scored."""
    return min(int(_PROBATION_SHARE * rows), _MOST_PROBATION_ROWS)


def nab_points(detections: Iterable[int], windows: Sequence[NabWindow], probation: int) -> NabPoints:
    """The points of ``detections``, which are rows, in one file."""
    best = [-1.0] * len(windows)
    points = 0.0
    for row in detections:
        if row < probation:
            continue
        inside = next((number for number, each in enumerate(windows) if each.first <= row <= each.last), None)
        if inside is None:
            points += _FALSE_POSITIVE * _after(row, windows)
        else:
            best[inside] = max(best[inside], _within(row, windows[inside]))
    return NabPoints(points + sum(best), len(windows))


def _within(row: int, window: NabWindow) -> float:
    """1 at the first row of the window."""
    position = -(window.last - row + 1) / (window.last - window.first + 1)
    return _sigmoid(position) / _sigmoid(-1.0)


def _after(row: int, windows: Sequence[NabWindow]) -> float:
    """From 0 right after a window to -1 far from the last window before."""
    before = [each for each in windows if each.last < row]
    if not before:
        return -1.0
    newest = before[-1]
    return _sigmoid((row - newest.last) / max(newest.last - newest.first, 1))


def _sigmoid(position: float) -> float:
    """1 long before the end of a window, 0 at its end, -1 long after."""
    return -1.0 if position > _FAR else 2 / (1 + math.exp(5 * position)) - 1
