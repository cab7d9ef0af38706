"""Missing cells: what the rows before and the other sensors say."""

from __future__ import annotations

import numpy as np
import torch

from tfstream.model.witnesses.completion import RowCompletion

NAN = float("nan")


def test_a_missing_sensor_follows_the_others() -> None:
    """The predictor repeats the row before; the errors of sensors 0 and 1 are nearly the same."""
    covariance = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    completion = RowCompletion(torch.eye(3), None, np.linalg.inv(covariance))
    before = np.array([[5.0, 6.0, 7.0]], dtype=np.float32)
    row = np.array([NAN, 8.0, 7.0], dtype=np.float32)
    np.testing.assert_allclose(completion.complete(before, row), [5.0 + 0.9 * 2.0, 8.0, 7.0], rtol=1e-5)
    row[1] = NAN
    np.testing.assert_allclose(completion.complete(before, row), [5.0, 6.0, 7.0], rtol=1e-5)
    np.testing.assert_allclose(completion.complete(before, row * NAN), before[0], rtol=1e-5)


def test_many_sets_of_missing_sensors_change_nothing() -> None:
    """Their gains are forgotten and computed again."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 8))
    completion = RowCompletion(torch.eye(8), None, root @ root.T + np.eye(8))
    before, row = rng.normal(size=(2, 1, 8)).astype(np.float32)
    sets = [[bool(number >> sensor & 1) for sensor in range(8)] for number in range(1, 256)]
    rows = [np.where(missing, np.float32(NAN), row[0]) for missing in sets]
    first, again = ([completion.complete(before, each) for each in rows] for _ in range(2))
    np.testing.assert_array_equal(first, again)
