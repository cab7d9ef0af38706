"""Windows in frequency.

Everything here is a product with the matrix of the orthonormal real Fourier transform: for 64 rows that is
faster than a fast transform with its complex numbers. Each is one product for the whole batch: a product for
each window would be rounded according to where in memory the window lies.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

_BINS_PER_TOKEN = 4
_CPU = torch.device("cpu")


def tokens_of(rows: int) -> int:
    """Frequency tokens of a window: its bins, four to a token, the last one filled up with zeros."""
    return -(-(rows // 2 + 1) // _BINS_PER_TOKEN)


def to_tokens(windows: Tensor) -> Tensor:
    """``[batch, rows, channels]`` → ``[batch, tokens, 4 * 2 * channels]``: re and im, 4 bins a token."""
    batch, rows, channels = windows.shape
    matrix = _transform(rows, windows.device)
    parts = torch.einsum("bwr,nrc->nbwc", matrix, windows)  # [batch, bins, 2, channels]
    return parts.reshape(batch, -1, _BINS_PER_TOKEN * 2 * channels)


def from_tokens(tokens: Tensor, rows: int, newest: int) -> Tensor:
    """The inverse, of the newest rows: ``[..., tokens, 4 * 2 * channels]`` → ``[..., newest, channels]``."""
    channels = tokens.shape[-1] // (2 * _BINS_PER_TOKEN)
    parts = tokens.unflatten(-1, (_BINS_PER_TOKEN, 2, channels)).flatten(-4, -3)  # [..., bins, 2, channels]
    return torch.einsum("rbw,...bwc->...rc", _inverse(rows, tokens.device)[-newest:], parts)


def magnitudes(rows: Tensor) -> Tensor:
    """``[batch, rows, channels]`` → ``[batch, bins, channels]``; not for gradients."""
    return sizes(each(spectra(rows.shape[-2]), rows).unflatten(-2, (-1, 2)))


def each(matrix: Tensor, windows: Tensor) -> Tensor:
    """``matrix [m, rows]`` times each of ``windows [batch, rows, channels]``: ``[batch, m, channels]``.

    In single precision one product for all: a product for each window would be rounded according to where in
    memory the window lies. Products in bfloat16 are packed first, and do not care.
    """
    if windows.dtype == torch.bfloat16:
        return torch.bmm(matrix.expand(len(windows), -1, -1), windows)
    return torch.einsum("mr,brc->bmc", matrix, windows)


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Magnitudes ``[..., bins, channels]`` twice → ``[..., channels]``: their mean squared difference."""
    return (one - other).square_().mean(dim=-2)


def transform(rows: int) -> Tensor:
    """The matrix of :func:`to_tokens`: rows to parts, ``[bins * 2, rows]``."""
    return _transform(rows).flatten(0, 1)


def inverse(rows: int) -> Tensor:
    """The matrix of :func:`from_tokens`: parts to rows, ``[rows, bins * 2]``."""
    return _inverse(rows).flatten(1)


def spectra(rows: int) -> Tensor:
    """Rows to parts, without the bins that fill up a token: ``[bins * 2, rows]``."""
    return _transform(rows)[: rows // 2 + 1].flatten(0, 1)


def sizes(parts: Tensor) -> Tensor:
    """Real and imaginary parts ``[..., bins, 2, channels]`` to magnitudes ``[..., bins, channels]``."""
    real, imaginary = parts.unbind(-2)
    return real.square().addcmul_(imaginary, imaginary).sqrt_()


@cache
@torch.inference_mode(False)
def _transform(rows: int, device: torch.device = _CPU) -> Tensor:
    """Rows to real and imaginary parts, ``[bins, 2, rows]``; bins that fill up a token are zero."""
    spectrum = torch.fft.rfft(torch.eye(rows, dtype=torch.double), dim=0, norm="ortho")
    matrix = torch.zeros(_BINS_PER_TOKEN * tokens_of(rows), 2, rows)
    matrix[: rows // 2 + 1] = torch.stack([spectrum.real, spectrum.imag], dim=1)
    return matrix.to(device)


@cache
@torch.inference_mode(False)
def _inverse(rows: int, device: torch.device = _CPU) -> Tensor:
    """Real and imaginary parts to rows, ``[rows, bins, 2]``."""
    bins = rows // 2 + 1
    unit = torch.eye(bins, dtype=torch.double)
    parts = torch.stack([unit, 1j * unit], dim=1)  # [bins, 2, bins]
    matrix = torch.zeros(rows, _BINS_PER_TOKEN * tokens_of(rows), 2)
    matrix[:, :bins] = torch.fft.irfft(parts, n=rows, dim=2, norm="ortho").permute(2, 0, 1)
    return matrix.to(device)
