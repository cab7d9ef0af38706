"""How each sensor's level agrees with that of all others: what is wrong for days still shows here.

The terms of the score tell when something changes. A sensor that was moved once and stays moved is soon its
own past, so that they fall quiet while the fault goes on. Its level beside the others' does not: with ``P``
the inverse of the covariance of normal hop means, ``P x / sqrt(diag P)`` is how far each sensor lies from
what all others say of it, in deviations of that. It opens no alarm; it says whether one may end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.numerics.precision import halved

_SHRINKAGE = 0.01
_SMALLEST = 1e-3
_USUAL = 0.99
_LEAST_USUAL = 0.25


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """``mean [channels]`` of normal hops in standard units; ``weights [channels, channels]`` as above.

    ``usual [channels]`` is how far normal hops lie at most, but for one in a hundred.
    """

    mean: Tensor
    weights: Tensor
    usual: Tensor

    def departures(self, windows: Tensor, config: DetectorConfig) -> Tensor:
        """``[batch, rows, channels]``, standardised and filled → ``[batch, channels]``; 1: the usual most."""
        return _departures(_levels(windows, config), self.mean, self.weights) / self.usual


def learn(windows: Tensor, held: Values, config: DetectorConfig) -> Agreement:
    """From windows that were learnt from, and some that were not: these know better where those are few."""
    levels = _levels(windows, config)
    mean = levels.mean(0)
    weights = halved(_weights(levels - mean))
    usual = _usual(levels, mean, weights)
    if len(held):
        usual = torch.maximum(usual, _usual(_levels(torch.from_numpy(held), config), mean, weights))
    return Agreement(mean=mean, weights=weights, usual=usual.clamp(min=_LEAST_USUAL))


def _weights(centred: Tensor) -> Tensor:
    """``P / sqrt(diag P)``, column by column, of ``[n, channels]``; the fewer rows, the more it is shrunk."""
    count, channels = centred.shape
    covariance = centred.double().T @ centred.double() / count
    own = covariance.diagonal()
    shrinkage = _SHRINKAGE + channels / count
    precision = torch.linalg.inv(covariance + torch.diag(shrinkage * (own + _SMALLEST)))
    return (precision / precision.diagonal().sqrt()).float().contiguous()


def _levels(windows: Tensor, config: DetectorConfig) -> Tensor:
    return windows[:, -config.hop_rows :].mean(1)


def _departures(levels: Tensor, mean: Tensor, weights: Tensor) -> Tensor:
    return (levels - mean) @ weights


def _usual(levels: Tensor, mean: Tensor, weights: Tensor) -> Tensor:
    return torch.quantile(_departures(levels, mean, weights).abs(), _USUAL, dim=0)
