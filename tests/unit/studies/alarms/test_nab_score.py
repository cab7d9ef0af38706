"""The score of the Numenta Anomaly Benchmark against cases by hand."""

from __future__ import annotations

import math

import pytest

from tests.studies.quality.alarms.nab_score import NabPoints, NabWindow, nab_points, probation_rows

WINDOWS = [NabWindow(100, 109), NabWindow(300, 319)]


def sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def test_nothing_detected_is_0_and_a_perfect_detector_100() -> None:
    assert nab_points([], WINDOWS, 50) == NabPoints(-2.0, 2)
    assert nab_points([], WINDOWS, 50).score == 0
    assert nab_points([100, 300], WINDOWS, 50).score == pytest.approx(100)


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    first = nab_points([105], WINDOWS, 50)
    assert nab_points([105, 106, 109], WINDOWS, 50) == first
    assert first.points == pytest.approx(sigmoid(-5 / 10) / sigmoid(-1) - 1)


def test_a_detection_in_the_last_row_of_a_window_counts_a_little() -> None:
    assert nab_points([109], WINDOWS, 50).points == pytest.approx(sigmoid(-0.1) / sigmoid(-1) - 1)
    assert 0 < sigmoid(-0.1) / sigmoid(-1) < 0.3


def test_a_false_detection_costs_more_the_further_it_lies_after_a_window() -> None:
    """The width of the first window counts as nine rows: NAB counts the steps between its ends."""
    near, far, beyond = (nab_points([row], WINDOWS, 50).points + 2 for row in (110, 127, 140))
    assert near == pytest.approx(0.11 * sigmoid(1 / 9))
    assert far == pytest.approx(0.11 * sigmoid(18 / 9))
    assert beyond == pytest.approx(-0.11)
    assert 0 > near > far > beyond


def test_a_detection_before_every_window_costs_all_and_one_in_the_probation_nothing() -> None:
    assert nab_points([60], WINDOWS, 50).points == pytest.approx(-2.11)
    assert nab_points([49], WINDOWS, 50).points == -2


def test_points_of_files_add_up() -> None:
    """Two found of three windows at once, two false detections: (2 - 1 - .22 + 3) / 6."""
    files = [nab_points([100, 60, 61], WINDOWS[:1], 50), nab_points([300], WINDOWS, 50)]
    points = NabPoints(sum(file.points for file in files), sum(file.windows for file in files))
    assert points.score == pytest.approx(100 * (2 - 1 - 0.22 + 3) / 6)
    assert math.isnan(NabPoints(-0.11, 0).score)


def test_probation_is_15_percent_but_750_rows_at_the_most() -> None:
    assert [probation_rows(rows) for rows in (1127, 4032, 5000, 22695)] == [169, 604, 750, 750]
