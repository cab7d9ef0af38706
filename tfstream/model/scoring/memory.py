"""Normal windows remembered by their representations: how far is the nearest one?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tfstream.model.numerics.precision import halved

_SHRINKAGE = 0.05
_SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Whitened representations of training windows, stage by stage.

    ``a``, ``b [K, n, p]`` hold them; ``mean_* [K, p]`` and ``whiten_* [K, p, p]`` whiten.
    """

    a: Tensor
    b: Tensor
    mean_a: Tensor
    mean_b: Tensor
    whiten_a: Tensor
    whiten_b: Tensor

    @cached_property
    def _squares(self) -> tuple[Tensor, Tensor]:
        """Squared lengths of what is remembered, ``[K, 1, n]`` in each domain."""
        return squares(self.a), squares(self.b)

    def distances(self, a: Tensor, b: Tensor, exclude: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``a``, ``b [K, batch, p]`` → joint and cross-domain distance, each ``[K, batch]``.

        Joint: to the nearest training window in both domains together. Cross: how far, in one domain, the
        window lies that is nearest in the other. ``exclude [batch, n]`` leaves training windows out.
        """
        whole_a, whole_b = (
            whitened(a, self.mean_a, self.whiten_a),
            whitened(b, self.mean_b, self.whiten_b),
        )
        squares_a, squares_b = self._squares
        d_a = relative_distances(whole_a, self.a, squares_a)  # [K, batch, n]
        d_b = relative_distances(whole_b, self.b, squares_b)
        if exclude is not None:
            d_a, d_b = without(d_a, exclude), without(d_b, exclude)
        own = whole_a.square().sum(-1) + whole_b.square().sum(-1)  # what relative distances lack
        joint = (d_a + d_b).amin(-1)
        cross = d_a.gather(-1, _nearest(d_b)) + d_b.gather(-1, _nearest(d_a))
        return _root(joint + own), _root((cross.squeeze(-1) + own) / 2)


def remember(a: Tensor, b: Tensor, size: int, generator: torch.Generator) -> tuple[Memory, Tensor]:
    """A memory of at most ``size`` of the windows ``a``, ``b [K, n, p]``, and which ones they are."""
    mean_a, whiten_a = _whitening(a)
    mean_b, whiten_b = _whitening(b)
    chosen = torch.randperm(a.shape[1], generator=generator)[:size].sort().values
    memory = Memory(
        a=halved(whitened(a[:, chosen], mean_a, whiten_a)),
        b=halved(whitened(b[:, chosen], mean_b, whiten_b)),
        mean_a=mean_a,
        mean_b=mean_b,
        whiten_a=whiten_a,
        whiten_b=whiten_b,
    )
    return memory, chosen


def whitened(x: Tensor, mean: Tensor, whiten: Tensor) -> Tensor:
    """``[K, n, p]`` with mean 0 and about unit covariance in every stage."""
    return (x - mean[:, None]) @ whiten


def _whitening(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``[K, p]`` and the inverse root of the shrunk covariance ``[K, p, p]``."""
    mean = x.mean(1)
    centred = (x - mean[:, None]).double()
    covariance = centred.transpose(1, 2) @ centred / x.shape[1]  # [K, p, p]
    size = covariance.diagonal(dim1=1, dim2=2).mean(-1)
    eye = torch.eye(x.shape[2], dtype=torch.double)
    values, vectors = torch.linalg.eigh(covariance + _SHRINKAGE * size[:, None, None] * eye + 1e-12 * eye)
    return mean, (vectors * values.rsqrt()[:, None] @ vectors.transpose(1, 2)).float().contiguous()


def without(distances: Tensor, exclude: Tensor) -> Tensor:
    """``[..., batch, n]`` with what ``exclude [batch, n]`` names infinitely far; all named: they must do."""
    return distances.masked_fill(exclude & ~exclude.all(-1, keepdim=True), torch.inf)


def squares(remembered: Tensor) -> Tensor:
    """Squared lengths ``[K, 1, n]`` of ``[K, n, p]``."""
    return remembered.square().sum(-1)[:, None]


def relative_distances(x: Tensor, remembered: Tensor, lengths: Tensor) -> Tensor:
    """Squared distances ``[K, batch, n]`` of ``x [K, batch, p]`` to ``[K, n, p]``, less the squares of ``x``.

    Those are the same for all that is remembered, and adding them to each of so many numbers costs more than
    the product itself. ``lengths [K, 1, n]`` are the squares of what is remembered.
    """
    return torch.baddbmm(lengths, x, remembered.transpose(1, 2), alpha=-2)


def _nearest(distances: Tensor) -> Tensor:
    """``[..., n]`` → ``[..., 1]``: where the smallest is; NumPy finds it ten times as fast as torch."""
    return torch.from_numpy(distances.numpy().argmin(-1))[..., None]


def _root(squared: Tensor) -> Tensor:
    return squared.clamp(min=_SMALLEST).sqrt()
