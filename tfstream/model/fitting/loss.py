"""What the network is trained for: stage-averaged reconstruction on both paths, and the contrastive term."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.network.transformer import WindowViews

_MARGIN = 0.3
_SHARPNESS = 5.0
_TEMPERATURE = 0.2


class Loss(NamedTuple):
    """``total`` is what is minimised; the parts are for looking at."""

    total: Tensor
    reconstruction: Tensor
    contrast: Tensor


def loss(views: WindowViews, targets: Tensor, config: DetectorConfig) -> Loss:
    """The loss of one pass over masked, normal and faulted windows, in this order in the batch.

    :param targets: ``[masked_batch, rows, channels]``, the masked windows as they really were.
    """
    contrast = config.contrast_batch
    rebuilt = reconstruction(views, targets, config)
    zero = rebuilt.new_zeros(())
    if not (config.contrastive and config.dual_path):
        return Loss(rebuilt, rebuilt, zero)
    opposed = contrastive(
        views.a[:, :contrast], views.b[:, :contrast], views.a[:, contrast:], views.b[:, contrast:], config
    )
    return Loss(rebuilt + config.contrast_weight * opposed, rebuilt, opposed)


def reconstruction(views: WindowViews, targets: Tensor, config: DetectorConfig) -> Tensor:
    """Mean over the stages of the errors on both paths; hidden rows weigh 1, visible ones 0.1."""
    weights = targets.new_full((config.window_rows, 1), config.visible_weight)
    weights[-config.hop_rows :] = 1.0
    first = 0 if config.stage_average else config.stages - 1
    errors = (views.time[first:] - targets).square() * weights
    total = errors.mean() * config.window_rows / weights.sum()
    if not config.dual_path:
        return total
    errors = (views.frequency[first:] - targets).square() * weights
    return total + errors.mean() * config.window_rows / weights.sum()


def contrastive(a: Tensor, b: Tensor, faulted_a: Tensor, faulted_b: Tensor, config: DetectorConfig) -> Tensor:
    """Normal windows look alike in time and in frequency, faulted ones do not; all ``[K, batch, p]``.

    A margin loss on the two views of one window, and symmetric InfoNCE (van den Oord 2018) among normal ones.
    """
    agree = functional.softplus(-_SHARPNESS * ((a * b).sum(-1) - _MARGIN)).mean()
    differ = functional.softplus(_SHARPNESS * ((faulted_a * faulted_b).sum(-1) - _MARGIN)).mean()
    similar = a @ b.transpose(1, 2) / _TEMPERATURE  # [K, batch, batch]
    own = torch.arange(a.shape[1], device=a.device).expand(a.shape[:2]).flatten()
    forth = functional.cross_entropy(similar.flatten(0, 1), own)
    back = functional.cross_entropy(similar.transpose(1, 2).flatten(0, 1), own)
    return agree + differ + config.info_weight * (forth + back) / 2
