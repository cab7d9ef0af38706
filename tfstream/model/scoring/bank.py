"""The bank: the newest rows of normal windows, called patches, and the error of predictor V at each of them.

The distance of a window to the nearest patch is term P of the score. The mean error of V at the nearest
patches is the error that V is expected to make: an error that normal data showed in a similar situation does
not raise the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tfstream.model.numerics.precision import round_to_half
from tfstream.model.scoring.memory import mask_excluded, relative_distances, squares

_SHARED = 0.1  # of the mean square of all channels, added to the square of each scale
_SMALLEST = 1e-6


@dataclass(frozen=True, kw_only=True)
class Bank:
    """``patches [n, rows * channels]`` in units of ``scale [channels]``; ``usual [n]``: V's error at each."""

    scale: Tensor
    patches: Tensor
    usual: Tensor

    @cached_property
    def _squares(self) -> Tensor:
        """Squared lengths of the patches, ``[1, 1, n]``."""
        return squares(self.patches[None])

    def nearest(self, recent: Tensor, count: int, exclude: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The squared distance to the nearest patch, and the expected error of V: both ``[batch]``.

        :param recent: the newest rows of windows, ``[batch, rows, channels]``.
        :param count: the expected error is the mean at this many nearest patches.
        :param exclude: ``[batch, n]``, true for patches that must not count.
        """
        patch = (recent / self.scale).flatten(1)  # [batch, rows * channels]
        distance = relative_distances(patch[None], self.patches[None], self._squares)[0]  # [batch, n]
        if exclude is not None:
            distance = mask_excluded(distance, exclude)
        closest = distance.topk(min(count, len(self.usual)), dim=1, largest=False)
        nearest = (closest.values[:, 0] + patch.square().sum(1)).clamp(min=0)
        return nearest / patch.shape[1], self.usual[closest.indices].mean(1)


def collect(recent: Tensor, usual: Tensor, cells: int) -> tuple[Bank, Tensor]:
    """Collect a bank of at most ``cells`` numbers; returns it and the indices of its patches in ``recent``.

    :param recent: the newest rows of normal windows, ``[n, rows, channels]``.
    :param usual: the smoothed error of V at each window, ``[n]``.
    """
    most = max(cells // recent[0].numel(), 1)
    chosen = torch.arange(len(recent))
    if len(recent) > most:
        chosen = torch.linspace(0, len(recent) - 1, most).long()
    square = recent.square().mean((0, 1))
    scale = (square + _SHARED * square.mean() + _SMALLEST).sqrt()
    patches = round_to_half(recent[chosen] / scale).flatten(1)  # [n, rows * channels]
    return Bank(scale=scale, patches=patches, usual=usual[chosen]), chosen
