"""Windows in frequency."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

_BINS_PER_TOKEN = 4


def tokens_of(rows: int) -> int:
    """Frequency tokens of a window: its bins, four to a token, the last one padded."""
    return -(-(rows // 2 + 1) // _BINS_PER_TOKEN)


def to_tokens(windows: Tensor) -> Tensor:
    """``[batch, rows, channels]`` → ``[batch, tokens, 4 * 2 * channels]``: re and im, 4 bins a token."""
    bins = torch.fft.rfft(windows, dim=1, norm="ortho")  # [batch, bins, channels]
    parts = torch.cat([bins.real, bins.imag], dim=-1)  # [batch, bins, 2 * channels]
    padded = functional.pad(parts, (0, 0, 0, -parts.shape[1] % _BINS_PER_TOKEN))
    return padded.reshape(len(windows), -1, _BINS_PER_TOKEN * parts.shape[2])


def from_tokens(tokens: Tensor, rows: int) -> Tensor:
    """The inverse: ``[batch, tokens, 4 * 2 * channels]`` → ``[batch, rows, channels]``."""
    batch = len(tokens)
    parts = tokens.reshape(batch, -1, tokens.shape[2] // _BINS_PER_TOKEN)[:, : rows // 2 + 1]
    real, imaginary = parts.chunk(2, dim=-1)
    return torch.fft.irfft(torch.complex(real, imaginary), n=rows, dim=1, norm="ortho")


def magnitudes(rows: Tensor) -> Tensor:
    """``[..., rows, channels]`` → ``[..., bins, channels]``, those of the orthonormal rFFT.

    One matrix product: for the few rows that it is asked of, several times as fast as a transform. (A product
    for each window would be rounded according to where in memory the window lies.)
    """
    cosines, sines = torch.einsum("wbr,...rc->w...bc", _waves(rows.shape[-2]), rows)
    return torch.hypot(cosines, sines)


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Magnitudes ``[..., bins, channels]`` twice → ``[..., channels]``: their mean squared difference."""
    return (one - other).square().mean(dim=-2)


@cache
def _waves(rows: int) -> Tensor:
    """Cosines and sines of every bin, ``[2, bins, rows]``."""
    spectrum = torch.fft.rfft(torch.eye(rows, dtype=torch.double), dim=0, norm="ortho")
    return torch.stack([spectrum.real, spectrum.imag]).float()
