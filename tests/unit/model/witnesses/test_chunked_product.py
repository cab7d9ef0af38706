"""Products of the witnesses: the same bits for a row at any place of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tfstream.model.witnesses.chunked_product import CHUNK, gathered_product, product, wide


@pytest.mark.parametrize("columns", [1, 5, 6, 7, 9, 11, 16, 33])
def test_a_row_has_the_same_product_at_every_place(columns: int) -> None:
    rng = np.random.default_rng(columns)
    weights = torch.from_numpy(rng.normal(size=(48, columns)).astype(np.float32))
    row, less = rng.normal(size=(2, 48)).astype(np.float32)
    products = product(np.tile(row, (20, 1)), less, wide(weights))[:, :columns]
    np.testing.assert_array_equal(products, np.tile(products[0], (20, 1)))
    np.testing.assert_allclose(products[0], (row - less) @ weights.numpy(), rtol=1e-4, atol=1e-4)


def test_gathered_rows_lie_side_by_side() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 5)).astype(np.float32)
    weights = torch.from_numpy(rng.normal(size=(15, 5)).astype(np.float32))
    places = rng.integers(0, 30, size=(2 * CHUNK + 3, 3))
    products = gathered_product(rows, places, wide(weights))
    assert products.shape == (len(places), 16)
    expected = rows[places].reshape(len(places), 15) @ weights.numpy()
    np.testing.assert_allclose(products[:, :5], expected, rtol=1e-4, atol=1e-4)
    alone = np.concatenate([gathered_product(rows, places[[at]], wide(weights)) for at in range(len(places))])
    np.testing.assert_array_equal(products, alone)
