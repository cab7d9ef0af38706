"""The self-test: weighs each term of the score by how well it detects artificial faults in this stream.

It needs no labels: it compares held-out windows with the same windows with an artificial fault. A term that
cannot detect these faults, since it was learnt from little or noisy data, must not drown the terms that can.
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
    """Put four different faults into each of ``normal [n, rows, channels]``: ``[4 * n, rows, channels]``.

    Some faults are much easier to detect than others; several draws for each window steady the weights.
    """
    windows = np.tile(normal, (_DRAWS, 1, 1))
    return training_faults.inject(windows, windows[rng.permutation(len(windows))], rng)


def weigh_terms(prior: Array, normal: Array, faulty: Array, sharpness: float) -> Array:
    """The weights ``[terms]``, with mean 1: the prior weight of a term times (2 AUC - 1) ** ``sharpness``.

    :param prior: ``[terms]``.
    :param normal: the terms of normal windows, ``[n, terms]``; ``faulty`` the same of faulted windows.
    """
    power = np.maximum(2 * _auc(normal, faulty) - 1, _LEAST_POWER)
    weights = prior * power**sharpness
    return weights / weights.mean()


def _auc(normal: Array, faulty: Array) -> Array:
    """How often the term of a faulted window is larger than that of a normal window, ``[terms]``."""
    larger = faulty[:, None] > normal[None]
    equal = faulty[:, None] == normal[None]
    auc: Array = (larger + 0.5 * equal).mean(axis=(0, 1))
    return auc
