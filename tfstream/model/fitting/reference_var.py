"""A ridge VAR, the reference for how large the faults of the gate must be to be neither obvious nor hidden.

It is fitted to the rows that the challenger learnt from, and belongs to neither of the compared models: a
broken model must not choose the faults that it is tested on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.training_windows import gather_filled, index_windows, whole_pieces
from tfstream.model.linear import predictors
from tfstream.model.linear.predictors import ClosedForm

_MOST_WINDOWS = 4096
_SMALLEST_ERROR = 4e-4
_MEDIOCRE = 0.8  # AUC
_HALVINGS = 8
_SMALLEST_PART = 1 / 256  # of the largest amount

Array = NDArray[np.float64]


class ReferenceVar:
    """The errors of a ridge VAR on windows in standard units."""

    def __init__(self, linear: ClosedForm, usual: Array, config: DetectorConfig) -> None:
        self._linear = linear
        self._usual = usual
        self._config = config

    @classmethod
    def fit(cls, learn: Sequence[Series], scaler: Scaler, config: DetectorConfig, seed: int) -> ReferenceVar:
        """Fit to random windows of the series, which are in the sensors' own units.

        :param scaler: converts to standard units.
        """
        scaled = [
            series._replace(values=scaler.transform(series.values[None], [series.asset])[0])
            for series in learn
        ]
        pieces = whole_pieces(scaled)
        index = index_windows(pieces, config.window_rows, stride=1)
        order = np.random.default_rng(seed).permutation(len(index.piece))[:_MOST_WINDOWS]
        windows = torch.from_numpy(
            gather_filled(pieces, index.take(np.sort(order)), config.window_rows)
        )  # [n, rows, sensors]
        linear = predictors.fit(windows, config)
        usual = linear.row_errors(windows, config).mean(0).numpy().astype(np.float64)
        return cls(linear, np.maximum(usual, _SMALLEST_ERROR), config)

    def errors(self, windows: Values) -> Array:
        """The relative errors of the newest hop, ``[n]``, of windows ``[n, rows, sensors]``, gaps filled."""
        squared = self._linear.row_errors(torch.from_numpy(windows), self._config).numpy()  # [n, sensors]
        errors: Array = (squared / self._usual).mean(1)
        return errors


def auc(normal: Array, faulty: Array) -> float:
    """How often a faulty case scores higher than a normal case; ties count half."""
    return float(ranks(normal, faulty).mean())


def ranks(normal: Array, faulty: Array) -> Array:
    """The share of normal cases that each faulty case exceeds, ties counting half: ``[n]``."""
    ordered = np.sort(normal)
    below, upto = (np.searchsorted(ordered, faulty, side=side) for side in ("left", "right"))
    shares: Array = (below + upto) / (2 * len(ordered))
    return shares


def mediocre_amount(auc_of: Callable[[float], float], most: float) -> float:
    """The amount of a fault at which the AUC is mediocre, by bisection; ``most`` if it is never reached."""
    low, high = np.log(most * _SMALLEST_PART), np.log(most)
    if auc_of(most) < _MEDIOCRE:
        return most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if auc_of(float(np.exp(middle))) >= _MEDIOCRE else (middle, high)
    return float(np.exp(high))
