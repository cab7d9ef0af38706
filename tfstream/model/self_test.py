"""Which terms find faults in this stream? Tried on held-out windows and the same with a fault each.

No label is needed: the faults are made. A term that cannot tell them from normal windows here, because what
it rests on could not be learnt from so little or so noisy data, must not drown the ones that can.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tfstream.core import fault
from tfstream.core.reading import Values

_LEAST_POWER = 0.02

Array = NDArray[np.float64]
Measure = Callable[[Values], Array]


def weights(
    prior: Array, normal: Values, measure: Measure, sharpness: float, rng: np.random.Generator
) -> Array:
    """``prior [terms]`` times what each term is worth on ``normal [n, rows, channels]``; 1 on average.

    A term is worth 2 AUC - 1 to the power of ``sharpness``, which is 0 for one that guesses.
    """
    faulted = fault.inject(normal, normal[rng.permutation(len(normal))], rng)
    power = np.maximum(2 * _auc(measure(normal), measure(faulted)) - 1, _LEAST_POWER)
    found = prior * power**sharpness
    return found / found.mean()


def _auc(normal: Array, faulted: Array) -> Array:
    """Of ``[n, terms]`` twice: how often a faulted window's term is larger, ``[terms]``."""
    larger = faulted[:, None] > normal[None]
    equal = faulted[:, None] == normal[None]
    auc: Array = (larger + 0.5 * equal).mean(axis=(0, 1))
    return auc
