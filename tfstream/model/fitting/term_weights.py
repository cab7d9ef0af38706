"""Which terms find faults in this stream? Tried on held-out windows and the same with a fault each.

No label is needed: the faults are made. A term that cannot tell them from normal windows here, because what
it rests on could not be learnt from so little or so noisy data, must not drown the ones that can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfstream.core.faults import training_faults
from tfstream.core.reading import Values

_LEAST_POWER = 0.02
_DRAWS = 4

Array = NDArray[np.float64]


def faulted(normal: Values, rng: np.random.Generator) -> Values:
    """``normal [n, rows, channels]`` with a fault in each window, four times over.

    Faults differ much in how easily they are seen; a few draws of each window make the weights steadier.
    """
    windows = np.tile(normal, (_DRAWS, 1, 1))
    return training_faults.inject(windows, windows[rng.permutation(len(windows))], rng)


def term_weights(prior: Array, normal: Array, faulty: Array, sharpness: float) -> Array:
    """``prior [terms]`` times what each of the terms ``[n, terms]`` is worth; 1 on average.

    A term is worth 2 AUC - 1 to the power of ``sharpness``: next to nothing for one that guesses.
    """
    power = np.maximum(2 * _auc(normal, faulty) - 1, _LEAST_POWER)
    found = prior * power**sharpness
    return found / found.mean()


def _auc(normal: Array, faulty: Array) -> Array:
    """How often a faulted window's term is larger than a normal one's, ``[terms]``."""
    larger = faulty[:, None] > normal[None]
    equal = faulty[:, None] == normal[None]
    auc: Array = (larger + 0.5 * equal).mean(axis=(0, 1))
    return auc
