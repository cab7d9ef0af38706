"""Recent rows of normal windows as they are: was there ever anything like this, and what error came with it?

The distance to the nearest one is a term of its own. The error that V made beside the nearest ones is what it
is expected to make here: an error that normal data showed in the same situation is no news.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tfstream.model.numerics.precision import halved
from tfstream.model.scoring.memory import relative_distances, squares, without

_SHARED = 0.1  # of the mean square of all channels in the scale of each
_SMALLEST = 1e-6


@dataclass(frozen=True, kw_only=True)
class Bank:
    """``patches [n, rows * channels]`` in units of ``scale [channels]``; ``usual [n]`` V's error at each."""

    scale: Tensor
    patches: Tensor
    usual: Tensor

    @cached_property
    def _squares(self) -> Tensor:
        """Squared lengths of the patches, ``[1, 1, n]``."""
        return squares(self.patches[None])

    def nearest(self, recent: Tensor, count: int, exclude: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``recent [batch, rows, channels]`` → squared distance to the nearest patch, and the usual error.

        Both ``[batch]``; the usual error is the mean of the ``count`` nearest. ``exclude [batch, n]`` leaves
        patches out.
        """
        patch = (recent / self.scale).flatten(1)
        distance = relative_distances(patch[None], self.patches[None], self._squares)[0]
        if exclude is not None:
            distance = without(distance, exclude)
        found = distance.topk(min(count, len(self.usual)), dim=1, largest=False)
        nearest = (found.values[:, 0] + patch.square().sum(1)).clamp(min=0)
        return nearest / patch.shape[1], self.usual[found.indices].mean(1)


def collect(recent: Tensor, usual: Tensor, cells: int) -> tuple[Bank, Tensor]:
    """A bank of at most ``cells`` numbers from ``recent [n, rows, channels]``, and which ones they are."""
    most = max(cells // recent[0].numel(), 1)
    chosen = torch.arange(len(recent))
    if len(recent) > most:
        chosen = torch.linspace(0, len(recent) - 1, most).long()
    square = recent.square().mean((0, 1))
    scale = (square + _SHARED * square.mean() + _SMALLEST).sqrt()
    return Bank(scale=scale, patches=halved(recent[chosen] / scale).flatten(1), usual=usual[chosen]), chosen
