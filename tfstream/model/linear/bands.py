"""What changed in one sensor, by bands of the spectrum: its level, or swings of some range of periods."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_STEP = 0.5  # of a fault's power: as much as this in a step makes it a change of level
_OCTAVES = 2.0  # bands are an octave wide, beginning with one period in the span


class Band(NamedTuple):
    """Periods in rows, longest None for the level; ``bins`` of the spectrum of the newest rows."""

    shortest: float
    longest: float | None
    bins: slice


class BandChange(NamedTuple):
    """A band, what it shows and what it should: means of the newest hop for the level, else amplitudes."""

    shortest: float
    longest: float | None
    actual: float
    expected: float


def bands(rows: int) -> list[Band]:
    """The level, and octaves down to the shortest period there is, two rows."""
    found = [Band(rows / 0.5, None, slice(0, 1))]
    first = 1
    while first <= rows // 2:
        last = min(round(first * _OCTAVES), rows // 2 + 1)
        last = rows // 2 + 1 if last == rows // 2 else last  # the highest bin stands alone otherwise
        found.append(Band(max(rows / (last - 0.5), 2.0), rows / (first - 0.5), slice(first, last)))
        first = last
    return found


def change(actual: Tensor, expected: Tensor, usual: float, hop_rows: int) -> BandChange:
    """The band that most of the difference is in.

    :param actual: the newest rows of a sensor, ``[rows]``, and ``expected`` what they should have been.
    :param usual: the deviation of what no prediction can know of this sensor: it swings that much more.
    """
    every = bands(len(actual))
    fault = actual - expected
    if step_part(fault) >= _STEP:
        hop = slice(-hop_rows, None)
        return BandChange(every[0].shortest, None, float(actual[hop].mean()), float(expected[hop].mean()))
    noise = usual**2 * _powers(torch.eye(len(fault)), every).sum(0)  # white: as much in every bin
    shown, foreseen, wrong = _powers(torch.stack([actual, expected, fault]), every)
    band = int((wrong - noise)[1:].argmax()) + 1
    amplitudes = _amplitude(shown[band]), _amplitude(foreseen[band] + noise[band])
    return BandChange(every[band].shortest, every[band].longest, *amplitudes)


def step_part(fault: Tensor) -> float:
    """How much of a fault's power a step has that lasts to the newest row, at the row that suits it best.

    A step has all frequencies: without this a shift that has just begun would be told as a swing.
    """
    backwards = fault.flip(0)
    count = torch.arange(1, len(fault) + 1, dtype=fault.dtype)
    return float((backwards.cumsum(0).square() / count).max() / fault.square().sum().clamp(min=1e-30))


def _powers(rows: Tensor, every: list[Band]) -> Tensor:
    """Mean square of ``[m, rows]`` in each band, ``[m, bands]``; they add up to the whole."""
    length = rows.shape[1]
    power = torch.fft.rfft(rows, dim=1, norm="forward").abs().square()
    power[:, 1 : (length + 1) // 2] *= 2  # for the bins of negative frequency
    return torch.stack([power[:, band.bins].sum(1) for band in every], dim=1)


def _amplitude(power: Tensor) -> float:
    """Of the sine that has this mean square."""
    return float((2 * power).sqrt())
