"""What changed in a sensor, by bands of the spectrum: its level, or its swings in a range of periods."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_STEP = 0.5  # a fault with at least this part of its power in a step is a change of level
_OCTAVES = 2.0  # bands are an octave wide; the first begins with a single period in the span


class Band(NamedTuple):
    """Periods in rows, ``longest`` is None for the level; ``bins`` of the spectrum of the newest rows."""

    shortest: float
    longest: float | None
    bins: slice


class BandChange(NamedTuple):
    """A band, its actual and its expected value: means of the newest hop for the level, else amplitudes."""

    shortest: float
    longest: float | None
    actual: float
    expected: float


def bands(rows: int) -> list[Band]:
    """The bands of a span: the level, and octaves down to the shortest period, which is two rows."""
    octaves = [Band(rows / 0.5, None, slice(0, 1))]
    first = 1
    while first <= rows // 2:
        last = min(round(first * _OCTAVES), rows // 2 + 1)
        last = rows // 2 + 1 if last == rows // 2 else last  # the highest bin stands alone otherwise
        octaves.append(Band(max(rows / (last - 0.5), 2.0), rows / (first - 0.5), slice(first, last)))
        first = last
    return octaves


def change(actual: Tensor, expected: Tensor, usual: float, hop_rows: int) -> BandChange:
    """The band that contains most of the difference.

    :param actual: the newest rows of a sensor, ``[rows]``.
    :param expected: what these rows should have been, ``[rows]``.
    :param usual: the standard deviation of the sensor's unpredictable noise.
    """
    every = bands(len(actual))
    fault = actual - expected
    if step_part(fault) >= _STEP:
        hop = slice(-hop_rows, None)
        return BandChange(every[0].shortest, None, float(actual[hop].mean()), float(expected[hop].mean()))
    noise = usual**2 * _powers(torch.eye(len(fault)), every).sum(
        0
    )  # white noise: the same power in every bin
    rows = torch.stack([actual, expected, fault])
    actual_power, expected_power, fault_power = _powers(rows, every)
    band = int((fault_power - noise)[1:].argmax()) + 1
    amplitudes = _amplitude(actual_power[band]), _amplitude(expected_power[band] + noise[band])
    return BandChange(every[band].shortest, every[band].longest, *amplitudes)


def step_part(fault: Tensor) -> float:
    """The largest part of a fault's power that a step has, which begins at any row and lasts to the newest.

    A step has all frequencies: without this, a shift that has just begun would be shown as a swing.
    """
    backwards = fault.flip(0)
    count = torch.arange(1, len(fault) + 1, dtype=fault.dtype)
    return float((backwards.cumsum(0).square() / count).max() / fault.square().sum().clamp(min=1e-30))


def _powers(rows: Tensor, every: list[Band]) -> Tensor:
    """The mean square of ``rows [m, rows]`` in each band, ``[m, bands]``; the bands add up to the whole."""
    length = rows.shape[1]
    power = torch.fft.rfft(rows, dim=1, norm="forward").abs().square()
    power[:, 1 : (length + 1) // 2] *= 2  # the bins of negative frequency
    return torch.stack([power[:, band.bins].sum(1) for band in every], dim=1)


def _amplitude(power: Tensor) -> float:
    """The amplitude of a sine with this mean square."""
    return float((2 * power).sqrt())
