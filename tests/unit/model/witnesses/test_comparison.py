"""A row against what the other sensors say, beside the conditional expectation computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tfstream.model.witnesses.comparison import RowComparison, fit_comparison

ROWS, SENSORS = 20_000, 5
SHRINKAGE, LEAST_VARIANCE = 0.02, 1e-3


def normal_rows(seed: int = 0) -> NDArray[np.float64]:
    """Two sources in five sensors: 0 and 1 are nearly the same, 4 is alone."""
    rng = np.random.default_rng(seed)
    sources = rng.normal(size=(ROWS, 3))
    mixing = np.array([[1, 1, 0.5, 0, 0], [0, 0.1, 0.5, 1, 0], [0, 0, 0, 0, 1.0]])
    return np.asarray(2.0 + sources @ mixing + 0.2 * rng.normal(size=(ROWS, SENSORS)))


@pytest.fixture(scope="module")
def comparison() -> RowComparison:
    return fit_comparison(normal_rows(), 1e9, centred=True)


def shrunk_covariance(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    off = rows - rows.mean(axis=0)
    covariance = np.asarray(off.T @ off / len(rows))
    covariance[np.diag_indices(SENSORS)] += SHRINKAGE * (np.diag(covariance) + LEAST_VARIANCE)
    return covariance


def test_departures_are_those_from_the_conditional_expectation(comparison: RowComparison) -> None:
    rows = normal_rows()
    mean, covariance = rows.mean(axis=0), shrunk_covariance(rows)
    some = normal_rows(seed=1)[:40]
    expected = np.empty((40, SENSORS))
    for sensor in range(SENSORS):
        others = [other for other in range(SENSORS) if other != sensor]
        weights = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, sensor])
        said = mean[sensor] + (some[:, others] - mean[others]) @ weights
        spread = np.sqrt(covariance[sensor, sensor] - covariance[sensor, others] @ weights)
        expected[:, sensor] = (some[:, sensor] - said) / spread
    departures = comparison.departures(some.astype(np.float32))
    np.testing.assert_allclose(departures, expected, rtol=0.01, atol=0.01)


def test_distances_are_those_of_mahalanobis(comparison: RowComparison) -> None:
    rows, some = normal_rows(), normal_rows(seed=1)[:40].astype(np.float32)
    off = some - rows.mean(axis=0)
    expected = np.einsum("ni,ij,nj->n", off, np.linalg.inv(shrunk_covariance(rows)), off) / SENSORS
    distances = comparison.distances(some, comparison.departures(some))
    np.testing.assert_allclose(distances, expected, rtol=0.01, atol=0.01)


def test_one_normal_row_in_a_hundred_departs_by_more_than_usual(comparison: RowComparison) -> None:
    departures = np.abs(comparison.departures(normal_rows(seed=2).astype(np.float32)))
    np.testing.assert_allclose((departures > comparison.usual.numpy()).mean(axis=0), 0.01, atol=0.003)
    largest = comparison.largest(departures)
    assert 0.01 < (largest > 1).mean() < 0.05


@pytest.mark.parametrize("sensor", range(SENSORS))
def test_the_wrong_sensor_is_blamed_first_and_its_neighbours_are_not(
    comparison: RowComparison, sensor: int
) -> None:
    row = normal_rows().mean(axis=0).astype(np.float32)
    row[sensor] += 8.0
    departures = np.abs(comparison.departures(row[None])[0]) / comparison.usual.numpy()
    blamed = comparison.blame(row)
    assert [each.sensor for each in blamed] == [sensor]
    assert blamed[0].strength == pytest.approx(float(departures[sensor]), rel=1e-3)
    assert blamed[0].excess == pytest.approx(8.0, rel=0.02)
    if sensor in (0, 1):  # they say something about each other
        assert departures[1 - sensor] > 1


def test_two_wrong_sensors_are_both_blamed(comparison: RowComparison) -> None:
    row = normal_rows().mean(axis=0).astype(np.float32)
    row[[0, 4]] += 6.0
    assert {each.sensor for each in comparison.blame(row)} == {0, 4}


def test_errors_are_compared_with_zero() -> None:
    comparison = fit_comparison(normal_rows(), 1e9, centred=False)
    assert not comparison.mean.any()
    assert not comparison.departures(np.zeros((1, SENSORS), dtype=np.float32)).any()


def test_of_two_sensors_that_predict_each_other_both_are_named(comparison: RowComparison) -> None:
    """Sensors 2 and 3 predict each other: after a small fault nobody else can say which of them is wrong."""
    row = comparison.mean.numpy().copy()
    row[3] += 4.0
    blamed = comparison.blame(row)
    assert [each.sensor for each in blamed] == [3, 2]
    assert blamed[1].strength > blamed[0].strength - 0.75
