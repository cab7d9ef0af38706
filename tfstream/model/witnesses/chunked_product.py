"""Products of rows with weights, in chunks of a fixed size: no number depends on the other rows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tfstream.core.reading import Values

CHUNK = 16  # rows: more are faster for many rows, and slower for the single row of a slow stream
_GROUP_CHUNK = 8  # rows of a group: most batches have the rows of a hop of each asset
_CACHE_LINE = 16  # numbers


def wide(weights: Tensor) -> Tensor:
    """Weights with zero columns up to whole cache lines: a fifth faster to multiply.

    The last bit of a product of few columns would also depend on the row's place in the chunk.
    """
    return functional.pad(weights, (0, -weights.shape[-1] % _CACHE_LINE))


def product(rows: Values, less: Values, weights: Tensor) -> Values:
    """``(rows - less) @ weights`` for ``rows [n, p]``, ``less [p]`` and ``weights [p, q]``: ``[n, q]``."""
    count = len(rows)
    padded = torch.empty(_whole_chunks(count), rows.shape[1])  # torch's own memory: always aligned alike
    values = padded.numpy()
    np.subtract(rows, less, out=values[:count])
    values[count:] = 0.0
    products = torch.empty(len(padded), weights.shape[1])
    for at in range(0, len(padded), CHUNK):
        torch.mm(padded[at : at + CHUNK], weights, out=products[at : at + CHUNK])
    result: Values = products[:count].numpy()
    return result


def gathered_product(rows: Values, places: NDArray[np.int64], weights: Tensor) -> Values:
    """For each of ``places [n, k]`` the ``k`` rows there, side by side, times ``weights [k * p, q]``."""
    count, together = places.shape
    chunk = torch.zeros(CHUNK, together * rows.shape[1])
    gathered = chunk.numpy().reshape(CHUNK * together, rows.shape[1])
    products = torch.empty(_whole_chunks(count), weights.shape[1])
    for at in range(0, count, CHUNK):
        some = places[at : at + CHUNK].ravel()
        np.take(rows, some, axis=0, out=gathered[: len(some)], mode="clip")
        torch.mm(chunk, weights, out=products[at : at + CHUNK])
    result: Values = products[:count].numpy()
    return result


def aligned(weights: Tensor) -> Tensor:
    """Weights ``[groups, p, q]`` with zero rows and columns up to whole cache lines, for grouped products."""
    return functional.pad(wide(weights), (0, 0, 0, -weights.shape[1] % _CACHE_LINE))


def grouped_product(rows: Values, weights: Tensor, group: NDArray[np.int64]) -> Values:
    """``row @ weights[group]`` for ``rows [n, p]``, aligned ``weights`` and ``group [n]``: ``[n, q]``.

    The chunks of a group hold rows of this group alone.
    """
    counts = np.bincount(group, minlength=len(weights))
    chunks = -(-counts // _GROUP_CHUNK)
    order = np.argsort(group, kind="stable")
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = np.empty(len(rows), dtype=np.int64)
    places[order] = _GROUP_CHUNK * np.repeat(np.cumsum(chunks) - chunks, counts) + within
    padded = torch.zeros(_GROUP_CHUNK * int(chunks.sum()), weights.shape[1])
    padded.numpy()[places, : rows.shape[1]] = rows
    products = torch.empty(len(padded), weights.shape[2])
    at = 0
    for which in np.repeat(np.arange(len(weights)), chunks).tolist():
        torch.mm(padded[at : at + _GROUP_CHUNK], weights[which], out=products[at : at + _GROUP_CHUNK])
        at += _GROUP_CHUNK
    result: Values = products.numpy()[places]
    return result


def _whole_chunks(rows: int) -> int:
    return -(-rows // CHUNK) * CHUNK
