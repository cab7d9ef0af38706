"""Artificial faults in normal windows, from which the network's contrastive loss learns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfstream.core.reading import Values

Generator = np.random.Generator
_Change = Callable[[Values, Values, float, Generator], Values]


def _shift(part: Values, other: Values, size: float, rng: Generator) -> Values:
    return part + np.float32(size)


def _stuck(part: Values, other: Values, size: float, rng: Generator) -> Values:
    return np.broadcast_to(part[:1], part.shape)


def _noise(part: Values, other: Values, size: float, rng: Generator) -> Values:
    return part + rng.normal(0, abs(size), part.shape).astype(np.float32)


def _drift(part: Values, other: Values, size: float, rng: Generator) -> Values:
    return part + np.linspace(0, size, len(part), dtype=np.float32)[:, None]


def _foreign(part: Values, other: Values, size: float, rng: Generator) -> Values:
    return other


def _gain(part: Values, other: Values, size: float, rng: Generator) -> Values:
    return part * np.float32(1 + size)


def _spike(part: Values, other: Values, size: float, rng: Generator) -> Values:
    changed = part.copy()
    changed[rng.integers(len(part))] += np.float32(2 * size)
    return changed


KINDS: dict[str, _Change] = {
    "shift": _shift,
    "stuck": _stuck,
    "noise": _noise,
    "drift": _drift,
    "foreign": _foreign,
    "gain": _gain,
    "spike": _spike,
}
_NAMES = tuple(KINDS)


def inject(windows: Values, foreign: Values, rng: Generator) -> Values:
    """Copy the windows with a fault of a random kind in each, on its newest 4 to 32 rows and some channels.

    :param windows: ``[batch, rows, channels]`` in standard units.
    :param foreign: ``[batch, rows, channels]`` of other times, for the kind that borrows a segment.
    """
    faulted = windows.copy()
    rows, channels = windows.shape[1:]
    for window, other in zip(faulted, foreign, strict=True):
        count = min(channels, 1 + int(rng.geometric(0.4)) if rng.random() < 0.7 else max(1, channels // 4))
        chosen = rng.choice(channels, size=count, replace=False)
        start = rows - int(rng.integers(4, min(32, rows // 2) + 1))
        size = float(rng.choice((-1.0, 1.0)) * np.exp(rng.uniform(np.log(0.5), np.log(4.0))))
        change = KINDS[_NAMES[int(rng.integers(len(_NAMES)))]]
        window[start:, chosen] = change(window[start:, chosen], other[start:, chosen], size, rng)
    return np.clip(faulted, -10.0, 10.0)
