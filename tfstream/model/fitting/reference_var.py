"""A ridge VAR that says how large a fault must be to be neither plain nor hidden.

It is fitted anew on what the challenger learnt from, and belongs to neither of the models that are compared:
a broken one must not choose its own exam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.training_windows import filled, index, whole
from tfstream.model.linear import predictors
from tfstream.model.linear.predictors import ClosedForm

_MOST_WINDOWS = 4096
_SMALLEST_ERROR = 4e-4
_MEDIOCRE = 0.8  # of the AUC
_HALVINGS = 8
_SMALLEST_PART = 1 / 256  # of the largest amount

Array = NDArray[np.float64]


class ReferenceVar:
    """Errors of a VAR of rows in ``scaler``'s units."""

    def __init__(self, linear: ClosedForm, usual: Array, config: DetectorConfig) -> None:
        self._linear = linear
        self._usual = usual
        self._config = config

    @classmethod
    def fit(cls, learn: Sequence[Series], scaler: Scaler, config: DetectorConfig, seed: int) -> ReferenceVar:
        """On some windows of the series, in their own units."""
        scaled = [one._replace(values=scaler.transform(one.values[None], [one.asset])[0]) for one in learn]
        pieces = whole(scaled)
        places = index(pieces, config.window_rows, stride=1)
        order = np.random.default_rng(seed).permutation(len(places.piece))[:_MOST_WINDOWS]
        windows = torch.from_numpy(filled(pieces, places.take(np.sort(order)), config.window_rows))
        linear = predictors.fit(windows, config)
        usual = linear.row_errors(windows, config).mean(0).numpy().astype(np.float64)
        return cls(linear, np.maximum(usual, _SMALLEST_ERROR), config)

    def errors(self, windows: Values) -> Array:
        """``[n, rows, sensors]`` in standard units, gaps filled, to the error of the newest hop: ``[n]``."""
        found = self._linear.row_errors(torch.from_numpy(windows), self._config).numpy()
        errors: Array = (found / self._usual).mean(1)
        return errors


def auc(normal: Array, faulty: Array) -> float:
    """How often a faulty case is stranger than a normal one."""
    return float(ranks(normal, faulty).mean())


def ranks(normal: Array, faulty: Array) -> Array:
    """The share of normal cases that each faulty one exceeds, half of those that equal it: ``[n]``."""
    ordered = np.sort(normal)
    below, upto = (np.searchsorted(ordered, faulty, side=side) for side in ("left", "right"))
    shares: Array = (below + upto) / (2 * len(ordered))
    return shares


def mediocre_amount(auc_of: Callable[[float], float], most: float) -> float:
    """The amount at which the VAR is mediocre, by bisection; ``most`` if none is enough."""
    low, high = np.log(most * _SMALLEST_PART), np.log(most)
    if auc_of(most) < _MEDIOCRE:
        return most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if auc_of(float(np.exp(middle))) >= _MEDIOCRE else (middle, high)
    return float(np.exp(high))
