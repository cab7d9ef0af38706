"""The loss of the network: stage-averaged dual-path reconstruction, and the contrastive term.

The contrastive term compares the representations in time and in frequency of the same window. The terms of
the score in :mod:`tfstream.model.scoring.terms` are stage-averaged, too.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.network.transformer import WindowViews

_MARGIN = 0.3  # of the cosine
_SHARPNESS = 5.0
_TEMPERATURE = 0.2


class Loss(NamedTuple):
    """``total`` is minimised; ``reconstruction`` and ``contrast`` are its parts, for the history."""

    total: Tensor
    reconstruction: Tensor
    contrast: Tensor


def loss(views: WindowViews, targets: Tensor, config: DetectorConfig) -> Loss:
    """The loss of a pass over masked, normal and faulted windows, in this order in the batch.

    :param targets: the masked windows without the mask, ``[masked_batch, rows, channels]``.
    """
    contrast = config.contrast_batch
    rebuilt = reconstruction(views, targets, config)
    zero = rebuilt.new_zeros(())
    if not (config.contrastive and config.dual_path):
        return Loss(rebuilt, rebuilt, zero)
    contrast_loss = contrastive(
        views.a[:, :contrast], views.b[:, :contrast], views.a[:, contrast:], views.b[:, contrast:], config
    )
    return Loss(rebuilt + config.contrast_weight * contrast_loss, rebuilt, contrast_loss)


def reconstruction(views: WindowViews, targets: Tensor, config: DetectorConfig) -> Tensor:
    """The squared errors of both paths, averaged over the stages.

    Masked rows weigh 1, others ``visible_weight``. Without ``config.stage_average`` only the last stage
    counts.
    """
    weights = targets.new_full((config.window_rows, 1), config.visible_weight)
    weights[-config.hop_rows :] = 1.0
    first = 0 if config.stage_average else config.stages - 1
    errors = (views.time[first:] - targets).square() * weights  # [stages, masked, rows, channels]
    total = errors.mean() * config.window_rows / weights.sum()
    if not config.dual_path:
        return total
    errors = (views.frequency[first:] - targets).square() * weights
    return total + errors.mean() * config.window_rows / weights.sum()


def contrastive(a: Tensor, b: Tensor, faulted_a: Tensor, faulted_b: Tensor, config: DetectorConfig) -> Tensor:
    """Contrast representations in time (``a``) and in frequency (``b``), all ``[K, batch, p]``.

    The two representations of a normal window become similar, those of a faulted window dissimilar. A margin
    loss on the two representations of a window, and symmetric InfoNCE (van den Oord 2018) among normal
    windows.
    """
    agree = functional.softplus(-_SHARPNESS * ((a * b).sum(-1) - _MARGIN)).mean()
    differ = functional.softplus(_SHARPNESS * ((faulted_a * faulted_b).sum(-1) - _MARGIN)).mean()
    similarity = a @ b.transpose(1, 2) / _TEMPERATURE  # [K, batch, batch]
    matching = torch.arange(a.shape[1], device=a.device).expand(a.shape[:2]).flatten()  # [K * batch]
    time_to_frequency = functional.cross_entropy(similarity.flatten(0, 1), matching)
    frequency_to_time = functional.cross_entropy(similarity.transpose(1, 2).flatten(0, 1), matching)
    return agree + differ + config.info_weight * (time_to_frequency + frequency_to_time) / 2
