"""How well each sensor's level agrees with the levels of all others: a fault of many days still shows here.

The terms of the score react to change. When a sensor shifts once and stays shifted, the shift is soon part
of its own past, and the terms fall although the fault goes on. The sensor's level compared with the other
sensors stays abnormal: with ``P`` the inverse of the covariance of normal hop means, ``P x / sqrt(diag P)``
is how far each sensor is from its prediction by all others, in standard deviations of that prediction. This
opens no alarm; it decides whether an alarm may end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.numerics.precision import round_to_half

_SHRINKAGE = 0.01
_SMALLEST = 1e-3
_USUAL = 0.99
_LEAST_USUAL = 0.25


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """``mean [channels]`` of normal hops in standard units; ``weights [channels, channels]`` as above.

    ``usual [channels]`` is the departure that normal hops exceed in one of a hundred.
    """

    mean: Tensor
    weights: Tensor
    usual: Tensor

    def departures(self, windows: Tensor, config: DetectorConfig) -> Tensor:
        """Departures ``[batch, channels]`` of windows ``[batch, rows, channels]``, standardised, gaps filled.

        A normal hop exceeds 1, either way, in one of a hundred.
        """
        return _departures(_levels(windows, config), self.mean, self.weights) / self.usual


def fit_agreement(windows: Tensor, held: Values, config: DetectorConfig) -> Agreement:
    """Fit to training windows; held-out windows widen ``usual`` where training windows are few.

    Both are ``[n, rows, channels]``, standardised, gaps filled.
    """
    levels = _levels(windows, config)
    mean = levels.mean(0)
    weights = round_to_half(_weights(levels - mean))
    usual = _usual(levels, mean, weights)
    if len(held):
        usual = torch.maximum(usual, _usual(_levels(torch.from_numpy(held), config), mean, weights))
    return Agreement(mean=mean, weights=weights, usual=usual.clamp(min=_LEAST_USUAL))


def _weights(centred: Tensor) -> Tensor:
    """``P / sqrt(diag P)``, column by column, of ``centred [n, channels]``; fewer rows, more shrinkage."""
    count, channels = centred.shape
    covariance = centred.double().T @ centred.double() / count
    variance = covariance.diagonal()
    shrinkage = _SHRINKAGE + channels / count
    precision = torch.linalg.inv(covariance + torch.diag(shrinkage * (variance + _SMALLEST)))
    return (precision / precision.diagonal().sqrt()).float().contiguous()


def _levels(windows: Tensor, config: DetectorConfig) -> Tensor:
    return windows[:, -config.hop_rows :].mean(1)


def _departures(levels: Tensor, mean: Tensor, weights: Tensor) -> Tensor:
    return (levels - mean) @ weights


def _usual(levels: Tensor, mean: Tensor, weights: Tensor) -> Tensor:
    return torch.quantile(_departures(levels, mean, weights).abs(), _USUAL, dim=0)
