"""Artificial faults that the promotion gate tests models on: other kinds than the training faults.

Networks are trained against the kinds of :mod:`training_faults`; to detect those proves nothing. Each kind
here stands for a family of real failures, in a form that no training fault has.

================  =============================================================================
sticking          stuck: the reading moves only when the true value leaves a dead band
wandering         drift: a random walk away from the true value and back
one-sided gain    gain: values on one side of the median are amplified
loose contact     offset: an offset that comes and goes every few rows
hum               noise: an oscillation of one period
lag               the readings of some rows earlier
lost correlation  the same spectrum as before, but uncorrelated with the other sensors
dropout           messages are lost, and the last reading is repeated
channel swap      two sensors are exchanged, in part: cross-talk
================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values

TRIAL_ROWS = 32  # rows of a fault
BEFORE_ROWS = 64  # normal rows that a fault needs before it
_FADED_ROWS = 8
_CONTACT_ROWS = 4  # mean time between changes of a loose contact
_SHORTEST_PERIOD, _LONGEST_PERIOD = 2.5, 12.0
_STILL = 0.05  # standard units: a channel that moves less hardly shows a fault

Generator = np.random.Generator
Cells = NDArray[np.float64]
_Change = Callable[[Cells, Cells, float, Generator], Cells]


def _sticking(before: Cells, part: Cells, band: float, rng: Generator) -> Cells:
    shown = np.empty_like(part)
    last = before[-1]
    for row, truth in enumerate(part):
        last = np.where(np.abs(truth - last) > band, truth, last)
        shown[row] = last
    return shown


def _wandering(before: Cells, part: Cells, size: float, rng: Generator) -> Cells:
    walk = rng.normal(size=part.shape).cumsum(0) / np.sqrt(len(part))
    home = np.arange(1, len(part) + 1)[:, None] / len(part) * walk[-1]
    shown: Cells = part + size * (walk - home)
    return shown


def _one_sided_gain(before: Cells, part: Cells, size: float, rng: Generator) -> Cells:
    side = rng.choice((-1.0, 1.0), part.shape[1])
    above = part - np.median(part, axis=0)  # the median, so that both sides have values
    shown: Cells = part + size * above * (above * side > 0)
    return shown


def _loose_contact(before: Cells, part: Cells, size: float, rng: Generator) -> Cells:
    changes = rng.random(len(part)) < 1 / _CONTACT_ROWS
    off = (changes.cumsum() + rng.integers(2)) % 2
    shown: Cells = part + rng.choice((-1.0, 1.0)) * size * off[:, None]
    return shown


def _hum(before: Cells, part: Cells, size: float, rng: Generator) -> Cells:
    period = np.exp(rng.uniform(np.log(_SHORTEST_PERIOD), np.log(_LONGEST_PERIOD)))
    turns = np.arange(len(part)) / period + rng.random()
    shown: Cells = part + size * np.sin(2 * np.pi * turns)[:, None]
    return shown


def _lag(before: Cells, part: Cells, rows: float, rng: Generator) -> Cells:
    whole, rest = divmod(rows, 1.0)
    truth = np.concatenate([before, part])
    at = np.arange(len(before), len(truth)) - int(whole)
    return (1 - rest) * truth[at] + rest * truth[at - 1]


def _lost_correlation(before: Cells, part: Cells, share: float, rng: Generator) -> Cells:
    truth = np.concatenate([before, part])
    mean = truth.mean(0)
    spectrum = np.fft.rfft(truth - mean, axis=0)
    turned = spectrum * np.exp(2j * np.pi * rng.random(spectrum.shape))
    other = np.fft.irfft(turned, n=len(truth), axis=0)[-len(part) :]
    lost = share * np.minimum(np.arange(1, len(part) + 1) / _FADED_ROWS, 1.0)[:, None]
    shown: Cells = mean + np.sqrt(1 - lost**2) * (part - mean) + lost * other
    return shown


def _dropout(before: Cells, part: Cells, share: float, rng: Generator) -> Cells:
    lost = rng.random(len(part)) < share
    truth = np.concatenate([before[-1:], part])
    newest = np.maximum.accumulate(np.where(lost, 0, np.arange(1, len(part) + 1)))
    return truth[newest]


def _channel_swap(before: Cells, part: Cells, share: float, rng: Generator) -> Cells:
    return (1 - share) * part + share * part[:, ::-1]


class GateFaultKind(NamedTuple):
    """How a fault changes some channels, the largest useful amount, and how many channels it takes.

    ``change(before [n, k], part [m, k], amount, rng)`` returns ``part`` with the fault, in standard units.
    """

    change: _Change
    most: float
    channels: int | None = None  # None: any number
    least_sensors: int = 1


KINDS: dict[str, GateFaultKind] = {
    "sticking": GateFaultKind(_sticking, 8.0),
    "wandering": GateFaultKind(_wandering, 16.0),
    "one-sided gain": GateFaultKind(_one_sided_gain, 16.0),
    "loose contact": GateFaultKind(_loose_contact, 16.0),
    "hum": GateFaultKind(_hum, 16.0),
    "lag": GateFaultKind(_lag, 32.0),
    "lost correlation": GateFaultKind(_lost_correlation, 1.0, least_sensors=2),
    "dropout": GateFaultKind(_dropout, 0.9),
    "channel swap": GateFaultKind(_channel_swap, 1.0, channels=2, least_sensors=2),
}


def kinds_for(sensors: int) -> list[str]:
    """The kinds that a stream with this many sensors can show."""
    return [name for name, kind in KINDS.items() if kind.least_sensors <= sensors]


def make_fault(name: str, rows: Values, amount: float, rng: Generator) -> Values:
    """The last rows of ``rows [n, sensors]`` with a fault of kind ``name``: ``[TRIAL_ROWS, sensors]``.

    :param rows: in standard units, at least ``BEFORE_ROWS + TRIAL_ROWS``; NaN stays NaN.
    :param amount: the size of the fault; the same generator state makes the same draws for any amount.
    """
    kind = KINDS[name]
    chosen = _channels(rows, kind, rng)
    truth = np.nan_to_num(rows[:, chosen].astype(np.float64))
    before, part = truth[:-TRIAL_ROWS], truth[-TRIAL_ROWS:]
    shown = rows[-TRIAL_ROWS:].copy()
    missing = shown[:, chosen] * np.float32(0)  # zeros, but NaN where the value is missing
    shown[:, chosen] = kind.change(before, part, amount, rng).astype(np.float32) + missing
    return shown


def _channels(rows: Values, kind: GateFaultKind, rng: Generator) -> NDArray[np.int64]:
    """Mostly a single channel, at times up to half of the channels; moving channels first."""
    sensors = rows.shape[1]
    count = kind.channels or min(max(sensors // 2, 1), 1 + int(rng.geometric(0.5)) // 2)
    order = rng.permutation(sensors)
    moves = np.nan_to_num(rows[-TRIAL_ROWS:]).std(0) > _STILL
    return order[np.argsort(~moves[order], kind="stable")][:count]
