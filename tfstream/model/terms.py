"""The terms of the score: each looks at a window from another side, every one averaged over the stages.

=======  ==================================================================================
R        spectral error of the closed-form prediction of the newest hop, mean of the channels
R_top    the same, mean of the worst tenth of the channels
V        one-step error of the vector autoregression over the newest 16 rows
Mj       distance to the nearest training window, in both domains together
Mx       distance in one domain to the window that is nearest in the other
N        1 - cosine of the window's representations in time and in frequency
F_top    spectral error of the frequency path's reconstruction, worst tenth of the channels
X        spectral disagreement of the two paths' reconstructions
=======  ==================================================================================
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tfstream.model.closed_form import ClosedForm
from tfstream.model.config import DetectorConfig
from tfstream.model.memory import Memory
from tfstream.model.network import TimeFrequencyTransformer, Views, hide
from tfstream.model.spectral import band_error

TERMS = ("R", "R_top", "V", "Mj", "Mx", "N", "F_top", "X")
SMOOTHED = (True, True, False, False, False, False, True, True)
_WEIGHTS = (0.5, 0.5, 0.5, 0.5, 0.5, 1.0, 0.25, 0.25)
_TOP = 0.1


def weights(config: DetectorConfig) -> tuple[float, ...]:
    """The weight of every term; an idea that is switched off takes its terms with it."""
    off: set[str] = set()
    if not config.dual_path:
        off |= {"Mx", "N", "F_top", "X"}
    if not config.cross_domain:
        off |= {"Mx", "X"}
    if not config.contrastive:
        off |= {"N"}
    return tuple(0.0 if name in off else weight for name, weight in zip(TERMS, _WEIGHTS, strict=True))


class ChannelErrors(NamedTuple):
    """``[batch, channels]``, 0 where masked; ``predicted`` is the hop's mean as R expects it."""

    ridge: Tensor
    rows: Tensor
    frequency: Tensor
    predicted: Tensor


class Looked(NamedTuple):
    """``terms [batch, 8]`` without the memory's two, channel errors, ``a``, ``b [K, batch, p]``."""

    terms: Tensor
    channels: ChannelErrors
    a: Tensor
    b: Tensor


def look(
    windows: Tensor,
    known: Tensor,
    network: TimeFrequencyTransformer,
    linear: ClosedForm,
    config: DetectorConfig,
) -> Looked:
    """``windows [batch, rows, channels]`` standardised, gaps filled; ``known [batch, channels]`` counts."""
    batch = len(windows)
    both = torch.cat([hide(windows, config.hop_rows), windows])
    masked = torch.arange(2 * batch) < batch
    views = _chosen(network(both, masked), config)
    a, b = views.a[:, batch:], views.b[:, batch:]
    time, frequency = views.time[:, :batch], views.frequency[:, :batch]  # [K, batch, rows, channels]

    band = config.band_rows
    actual = windows[:, -band:]
    predicted = linear.predict_hop(windows, config)
    ridge = band_error(actual, torch.cat([actual[:, : -config.hop_rows], predicted], dim=1))
    rows = linear.row_errors(windows, config).mean(1)
    in_frequency = _stage_mean_error(frequency[:, :, -band:], actual.expand_as(frequency[:, :, -band:]))
    crossed = _stage_mean_error(time[:, :, -band:], frequency[:, :, -band:])

    zeros = torch.zeros(batch)
    terms = [
        _mean(ridge, known),
        _top(ridge, known),
        _mean(rows, known),
        zeros,
        zeros,
        (1 - (a * b).sum(-1)).mean(0),
        _top(in_frequency, known),
        _mean(crossed, known),
    ]
    channels = ChannelErrors(ridge * known, rows * known, in_frequency * known, predicted.mean(1))
    return Looked(torch.stack(terms, dim=1), channels, a, b)


def with_memory(looked: Looked, memory: Memory, exclude: Tensor | None = None) -> Tensor:
    """All terms, ``[batch, 8]``."""
    joint, cross = memory.distances(looked.a, looked.b, exclude)
    terms = looked.terms.clone()
    terms[:, TERMS.index("Mj")] = joint.mean(0)
    terms[:, TERMS.index("Mx")] = cross.mean(0)
    return terms


def _chosen(views: Views, config: DetectorConfig) -> Views:
    """All stages, or only the last one when stage averaging is switched off."""
    return views if config.stage_average else Views(*(view[-1:] for view in views))


def _stage_mean_error(one: Tensor, other: Tensor) -> Tensor:
    """Band error of ``[K, batch, rows, channels]`` twice, averaged over the stages: ``[batch, channels]``."""
    return band_error(one.flatten(0, 1), other.flatten(0, 1)).unflatten(0, (len(one), -1)).mean(0)


def _mean(errors: Tensor, known: Tensor) -> Tensor:
    """Mean of the known channels, ``[batch]``."""
    return (errors * known).sum(1) / known.sum(1).clamp(min=1)


def _top(errors: Tensor, known: Tensor) -> Tensor:
    """Mean of the worst tenth of the known channels, at least one, ``[batch]``."""
    count = (known.sum(1) * _TOP).ceil().clamp(min=1)  # [batch]
    ordered = (errors * known).sort(dim=1, descending=True).values
    rank = torch.arange(errors.shape[1])
    return (ordered * (rank < count[:, None])).sum(1) / count
