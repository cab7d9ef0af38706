"""Normal windows remembered by their representations: how far is the nearest one?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_SHRINKAGE = 0.05


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

    def distances(self, a: Tensor, b: Tensor, exclude: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``a``, ``b [K, batch, p]`` → joint and cross-domain distance, each ``[K, batch]``.

        Joint: to the nearest training window in both domains together. Cross: how far, in one domain, the
        window lies that is nearest in the other. ``exclude [batch, n]`` leaves training windows out.
        """
        d_a = squared_distances(whitened(a, self.mean_a, self.whiten_a), self.a)  # [K, batch, n]
        d_b = squared_distances(whitened(b, self.mean_b, self.whiten_b), self.b)
        if exclude is not None:
            d_a, d_b = without(d_a, exclude), without(d_b, exclude)
        joint = (d_a + d_b).amin(-1)
        cross = (
            d_a.gather(-1, d_b.argmin(-1, keepdim=True)) + d_b.gather(-1, d_a.argmin(-1, keepdim=True))
        ) / 2
        return joint.sqrt(), cross.squeeze(-1).sqrt()


def remember(a: Tensor, b: Tensor, size: int, generator: torch.Generator) -> tuple[Memory, Tensor]:
    """A memory of at most ``size`` of the windows ``a``, ``b [K, n, p]``, and which ones they are."""
    mean_a, whiten_a = _whitening(a)
    mean_b, whiten_b = _whitening(b)
    chosen = torch.randperm(a.shape[1], generator=generator)[:size].sort().values
    memory = Memory(
        a=whitened(a[:, chosen], mean_a, whiten_a),
        b=whitened(b[:, chosen], mean_b, whiten_b),
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


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances ``[..., batch, n]`` between ``[..., batch, p]`` and ``[..., n, p]``."""
    cross = x @ y.transpose(-1, -2)
    squares = x.square().sum(-1)[..., None] + y.square().sum(-1)[..., None, :] - 2 * cross
    return squares.clamp(min=1e-12)
