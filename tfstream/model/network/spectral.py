"""The Fourier transform of windows, as matrix products.

Every function multiplies with the matrix of the orthonormal real Fourier transform: for 64 rows that is
faster than a fast Fourier transform with complex numbers. A single product serves the whole batch: the
rounding of a product for each window would depend on where in memory the window lies.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

_BINS_PER_TOKEN = 4
_CPU = torch.device("cpu")


def tokens_of(rows: int) -> int:
    """How many frequency tokens a window has: four bins a token, the last token padded with zeros."""
    return -(-(rows // 2 + 1) // _BINS_PER_TOKEN)


def to_tokens(windows: Tensor) -> Tensor:
    """Frequency tokens ``[batch, tokens, 4 * 2 * channels]`` of windows ``[batch, rows, channels]``.

    A token has four bins, with their real and imaginary parts.
    """
    batch, rows, channels = windows.shape
    matrix = _transform(rows, windows.device)
    parts = torch.einsum("bwr,nrc->nbwc", matrix, windows)  # [batch, bins, 2, channels]
    return parts.reshape(batch, -1, _BINS_PER_TOKEN * 2 * channels)  # [batch, tokens, 4 * 2 * channels]


def from_tokens(tokens: Tensor, rows: int, newest: int) -> Tensor:
    """The newest rows ``[..., newest, channels]`` from tokens ``[..., tokens, 4 * 2 * channels]``."""
    channels = tokens.shape[-1] // (2 * _BINS_PER_TOKEN)
    parts = tokens.unflatten(-1, (_BINS_PER_TOKEN, 2, channels)).flatten(-4, -3)  # [..., bins, 2, channels]
    return torch.einsum("rbw,...bwc->...rc", _inverse(rows, tokens.device)[-newest:], parts)


def magnitudes(rows: Tensor) -> Tensor:
    """Magnitudes ``[batch, bins, channels]`` of ``rows [batch, rows, channels]``; not differentiable."""
    return sizes(each(spectra(rows.shape[-2]), rows).unflatten(-2, (-1, 2)))


def each(matrix: Tensor, windows: Tensor) -> Tensor:
    """``matrix [m, rows]`` times each of ``windows [batch, rows, channels]``: ``[batch, m, channels]``.

    In single precision a single product serves all windows: the rounding of a product for each window would
    depend on where in memory the window lies. Products in bfloat16 pack their operands first, so that the
    place does not matter.
    """
    if windows.dtype == torch.bfloat16:
        return torch.bmm(matrix.expand(len(windows), -1, -1), windows)
    return torch.einsum("mr,brc->bmc", matrix, windows)


def distance(first: Tensor, second: Tensor) -> Tensor:
    """The mean squared difference of magnitudes ``[..., bins, channels]``: ``[..., channels]``."""
    return (first - second).square_().mean(dim=-2)


def transform(rows: int) -> Tensor:
    """The matrix of :func:`to_tokens`, from rows to real and imaginary parts: ``[bins * 2, rows]``."""
    return _transform(rows).flatten(0, 1)


def inverse(rows: int) -> Tensor:
    """The matrix of :func:`from_tokens`, from real and imaginary parts to rows: ``[rows, bins * 2]``."""
    return _inverse(rows).flatten(1)


def spectra(rows: int) -> Tensor:
    """The matrix from rows to parts, without the bins that pad a token: ``[bins * 2, rows]``."""
    return _transform(rows)[: rows // 2 + 1].flatten(0, 1)


def sizes(parts: Tensor) -> Tensor:
    """Magnitudes ``[..., bins, channels]`` of real and imaginary parts ``[..., bins, 2, channels]``."""
    real, imaginary = parts.unbind(-2)
    return real.square().addcmul_(imaginary, imaginary).sqrt_()


@cache
@torch.inference_mode(False)
def _transform(rows: int, device: torch.device = _CPU) -> Tensor:
    """The matrix from rows to real and imaginary parts, ``[bins, 2, rows]``; padding bins are zero."""
    spectrum = torch.fft.rfft(torch.eye(rows, dtype=torch.double), dim=0, norm="ortho")
    matrix = torch.zeros(_BINS_PER_TOKEN * tokens_of(rows), 2, rows)
    matrix[: rows // 2 + 1] = torch.stack([spectrum.real, spectrum.imag], dim=1)
    return matrix.to(device)


@cache
@torch.inference_mode(False)
def _inverse(rows: int, device: torch.device = _CPU) -> Tensor:
    """The matrix from real and imaginary parts to rows, ``[rows, bins, 2]``."""
    bins = rows // 2 + 1
    unit = torch.eye(bins, dtype=torch.double)
    parts = torch.stack([unit, 1j * unit], dim=1)  # [bins, 2, bins]
    matrix = torch.zeros(rows, _BINS_PER_TOKEN * tokens_of(rows), 2)
    matrix[:, :bins] = torch.fft.irfft(parts, n=rows, dim=2, norm="ortho").permute(2, 0, 1)
    return matrix.to(device)
