"""The memory: representations of training windows, in time and in frequency, to measure distances to.

The joint distance is term Mj of the score. The cross-domain distance, term Mx, is the cross-domain error: the
window that is nearest in one domain is far away in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tfstream.model.numerics.precision import round_to_half

_SHRINKAGE = 0.05
_SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Whitened representations of ``n`` training windows, for each of K stages.

    ``a``, ``b [K, n, p]`` are the representations in time and in frequency; ``mean_* [K, p]`` and
    ``whiten_* [K, p, p]`` whiten new ones.
    """

    a: Tensor
    b: Tensor
    mean_a: Tensor
    mean_b: Tensor
    whiten_a: Tensor
    whiten_b: Tensor

    @cached_property
    def _squares(self) -> tuple[Tensor, Tensor]:
        """Squared lengths of the stored representations, ``[K, 1, n]`` in each domain."""
        return squares(self.a), squares(self.b)

    def distances(self, a: Tensor, b: Tensor, exclude: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The joint and the cross-domain distance of representations, each ``[K, batch]``.

        Joint: the distance to the nearest training window in both domains together. Cross-domain: the
        distance in one domain to the training window that is nearest in the other domain.

        :param a: representations in time, ``[K, batch, p]``; ``b`` the same in frequency.
        :param exclude: ``[batch, n]``, true for training windows that must not count.
        """
        whole_a, whole_b = (
            whitened(a, self.mean_a, self.whiten_a),
            whitened(b, self.mean_b, self.whiten_b),
        )
        squares_a, squares_b = self._squares
        d_a = relative_distances(whole_a, self.a, squares_a)  # [K, batch, n]
        d_b = relative_distances(whole_b, self.b, squares_b)
        if exclude is not None:
            d_a, d_b = mask_excluded(d_a, exclude), mask_excluded(d_b, exclude)
        own = whole_a.square().sum(-1) + whole_b.square().sum(-1)  # left out of the relative distances
        joint = (d_a + d_b).amin(-1)  # [K, batch]
        cross = d_a.gather(-1, _nearest(d_b)) + d_b.gather(-1, _nearest(d_a))  # [K, batch, 1]
        return _root(joint + own), _root((cross.squeeze(-1) + own) / 2)


def remember(a: Tensor, b: Tensor, size: int, generator: torch.Generator) -> tuple[Memory, Tensor]:
    """Remember at most ``size`` of the windows ``a``, ``b [K, n, p]``; also returns their indices."""
    mean_a, whiten_a = _whitening(a)
    mean_b, whiten_b = _whitening(b)
    chosen = torch.randperm(a.shape[1], generator=generator)[:size].sort().values
    memory = Memory(
        a=round_to_half(whitened(a[:, chosen], mean_a, whiten_a)),
        b=round_to_half(whitened(b[:, chosen], mean_b, whiten_b)),
        mean_a=mean_a,
        mean_b=mean_b,
        whiten_a=whiten_a,
        whiten_b=whiten_b,
    )
    return memory, chosen


def whitened(x: Tensor, mean: Tensor, whiten: Tensor) -> Tensor:
    """Whiten ``x [K, n, p]``: mean 0 and about unit covariance in every stage."""
    return (x - mean[:, None]) @ whiten


def _whitening(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean ``[K, p]`` and the inverse square root of the shrunk covariance, ``[K, p, p]``."""
    mean = x.mean(1)
    centred = (x - mean[:, None]).double()
    covariance = centred.transpose(1, 2) @ centred / x.shape[1]  # [K, p, p]
    size = covariance.diagonal(dim1=1, dim2=2).mean(-1)
    eye = torch.eye(x.shape[2], dtype=torch.double)
    values, vectors = torch.linalg.eigh(covariance + _SHRINKAGE * size[:, None, None] * eye + 1e-12 * eye)
    return mean, (vectors * values.rsqrt()[:, None] @ vectors.transpose(1, 2)).float().contiguous()


def mask_excluded(distances: Tensor, exclude: Tensor) -> Tensor:
    """Set the distances ``[..., batch, n]`` of excluded windows to infinity, unless all of a row are."""
    return distances.masked_fill(exclude & ~exclude.all(-1, keepdim=True), torch.inf)


def squares(remembered: Tensor) -> Tensor:
    """Squared lengths ``[K, 1, n]`` of ``[K, n, p]``."""
    return remembered.square().sum(-1)[:, None]


def relative_distances(x: Tensor, remembered: Tensor, lengths: Tensor) -> Tensor:
    """Squared distances ``[K, batch, n]`` of ``x [K, batch, p]`` to ``[K, n, p]``, less the squares of ``x``.

    The squares of ``x`` are the same for all stored windows, and adding them here would cost more than the
    product itself. ``lengths [K, 1, n]`` are the squared lengths of the stored windows.
    """
    return torch.baddbmm(lengths, x, remembered.transpose(1, 2), alpha=-2)


def _nearest(distances: Tensor) -> Tensor:
    """The index of the smallest of ``[..., n]``: ``[..., 1]``; NumPy is ten times as fast as torch."""
    return torch.from_numpy(distances.numpy().argmin(-1))[..., None]


def _root(squared: Tensor) -> Tensor:
    return squared.clamp(min=_SMALLEST).sqrt()
