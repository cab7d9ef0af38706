"""Products of the witnesses: the same bits for a row at any place of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tfstream.model.witnesses.comparison import product


@pytest.mark.parametrize("columns", [1, 5, 6, 7, 9, 11, 16, 33])
def test_a_row_has_the_same_product_at_every_place(columns: int) -> None:
    rng = np.random.default_rng(columns)
    weights = torch.from_numpy(rng.normal(size=(48, columns)).astype(np.float32))
    row = rng.normal(size=48).astype(np.float32)
    products = product(np.tile(row, (20, 1)), weights)
    assert products.shape == (20, columns)
    np.testing.assert_array_equal(products, np.tile(products[0], (20, 1)))
    np.testing.assert_allclose(products[0], row @ weights.numpy(), rtol=1e-4, atol=1e-4)
