"""Only a run that normal rows give less than once in twenty weeks is left out, and not if it lasts a day."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.core.learning.standing_out import StandingRun, standing_runs

MINUTE_US = 60_000_000
ROWS = 4_000
MARGIN = 64


def runs(*parts: tuple[int, int, float], budget: float = 1.0) -> list[StandingRun]:
    """The runs of a piece with a rate in some of its rows: ``(first, stop, expected_per_week)``."""
    rates = np.full(ROWS, np.inf)
    for first, stop, rate in parts:
        rates[first:stop] = rate
    return standing_runs(rates, np.arange(ROWS) * MINUTE_US, MARGIN, budget)


def test_a_run_with_a_clear_peak_is_left_out_from_its_first_to_its_last_row_that_stands_out() -> None:
    assert runs((100, 164, 5.0), (110, 111, 0.01)) == [StandingRun(100, 164, 110)]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([(100, 400, 0.06)], "normal rows give it once in seventeen weeks"),
        ([(100, 163, 1e-6)], "it is shorter than a window"),
        ([(100, 107, 1e-6), (160, 168, 1e-6)], "fifteen rows stand out"),
        ([(100, 200, 8.0)], "normal rows reach it once a day"),
        ([(100, 100 + 1441, 1e-6)], "it lasts a day"),
        ([], "nothing stands out"),
    ],
)
def test_what_is_learnt(parts: list[tuple[int, int, float]], why: str) -> None:
    assert runs(*parts) == [], why


def test_rows_within_the_margin_belong_to_one_run() -> None:
    assert runs((100, 110, 0.01), (170, 180, 5.0)) == [StandingRun(100, 180, 100)]
    assert runs((100, 170, 0.01), (240, 310, 0.01)) == [
        StandingRun(100, 170, 100),
        StandingRun(240, 310, 240),
    ]


def test_a_small_budget_asks_for_a_rarer_peak_and_a_large_budget_for_no_more_frequent_one() -> None:
    assert runs((100, 200, 0.01), budget=0.1) == []
    assert runs((100, 200, 0.06), budget=100.0) == []
    assert len(runs((100, 200, 0.01), budget=100.0)) == 1
