"""The promotion rule, and the rows that are held out for it."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.core.learning.held_out import CONTEXT_ROWS, LEAST_LEARNT, hold_out
from tfstream.core.learning.promotion_rule import (
    MARGIN,
    AlarmCount,
    GateCheck,
    GateDecision,
    alarm_limit,
    bootstrap_interval,
    budget_checks,
    detection_checks,
    training_rows_check,
)
from tfstream.core.reading import Series

SECOND_US = 1_000_000
DAY_ROWS = 24 * 60


def series(rows: int, first: int = 0, asset: str = "x", interval_us: int = SECOND_US) -> Series:
    times = (first + np.arange(rows, dtype=np.int64)) * interval_us
    return Series(asset, times, np.ones((rows, 2), dtype=np.float32))


@pytest.mark.parametrize(
    ("expected", "limit"), [(0.0, 1), (0.001, 1), (0.14, 1), (0.5, 2), (1.0, 3), (10, 15)]
)
def test_the_limit_is_what_chance_reaches_in_one_of_twenty_cases(expected: float, limit: int) -> None:
    assert alarm_limit(expected) == limit


def test_a_huge_mean_has_a_limit() -> None:
    assert alarm_limit(900.0) >= 900
    assert alarm_limit(1e300) >= 100_000  # and the loop ends


def test_many_alarms_or_an_endless_alarm_break_the_budget() -> None:
    week = AlarmCount(raised=1, allowed=1.0, share=0.01, weeks=1.0)
    assert [check.holds for check in budget_checks(None, week)] == [True, True]
    assert [check.holds for check in budget_checks(week, week._replace(raised=4))] == [False, True]
    assert [check.holds for check in budget_checks(week, week._replace(share=0.9))] == [True, False]


@pytest.mark.parametrize(
    ("champion", "challenger", "holds"),
    [
        (
            (1, 0.9),
            (5, 0.3),
            [None, True],
        ),  # with an endless alarm, the count is not decisive
        ((1, 0.9), (1, 0.95), [True, False]),
        ((6, 0.1), (5, 0.1), [True, True]),
        ((6, 0.1), (7, 0.1), [False, True]),
        ((6, 0.1), (1, 0.9), [True, False]),
        ((0, 0.0), (4, 0.1), [False, True]),
    ],
)
def test_a_champion_that_breaks_the_budget_does_not_stop_a_better_challenger(
    champion: tuple[int, float], challenger: tuple[int, float], holds: list[bool | None]
) -> None:
    challenger_count, champion_count = (
        AlarmCount(raised=raised, allowed=1.0, share=share, weeks=1.0)
        for raised, share in (challenger, champion)
    )
    assert [check.holds for check in budget_checks(champion_count, challenger_count)] == holds
    assert not challenger_count.within_budget


def test_a_model_of_one_day_is_not_promoted_over_a_model_of_two_weeks() -> None:
    assert training_rows_check(1000, 500).holds
    check = training_rows_check(14_000, 1_000)
    assert not check.holds
    assert GateDecision(promote=False, checks=(check,)).reason.startswith(
        "rows learnt from: 1000 against 1.4e+04"
    )


@pytest.mark.parametrize(
    ("less", "holds"), [(-0.1, True), (0.0, True), (MARGIN / 2, True), (2 * MARGIN, False)]
)
def test_detection_may_be_a_little_worse(less: float, holds: bool) -> None:
    rng = np.random.default_rng(0)
    champion = rng.uniform(0.3, 0.9, 60)
    decisive, *kinds = detection_checks(["hum", "lag"] * 30, champion, champion - less)
    assert decisive.holds is holds
    assert [(kind.what, kind.holds) for kind in kinds] == [("hum", None), ("lag", None)]
    assert kinds[1].champion == pytest.approx(champion[1::2].mean())


def test_without_a_champion_detection_decides_nothing() -> None:
    checks = detection_checks(["hum"], None, np.array([0.2]))
    assert [check.holds for check in checks] == [None, None]


def test_the_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    differences = np.random.default_rng(1).normal(0.1, 0.3, 200)
    low, high = bootstrap_interval(differences)
    assert low < differences.mean() < high
    assert high - low == pytest.approx(4 * 0.3 / np.sqrt(200), rel=0.2)
    assert bootstrap_interval(differences) == (low, high)


def test_the_reason_names_the_failed_checks_or_else_the_passed() -> None:
    good = GateCheck(what="alarms", champion=None, challenger=0, wanted="at most 1", holds=True)
    bad = GateCheck(what="faults found", champion=0.8, challenger=0.5, wanted="at most .05 less", holds=False)
    assert (
        GateDecision(promote=True, checks=(good,), notes=("new",)).reason
        == "alarms: 0, wanted at most 1; new"
    )
    rejected = GateDecision(promote=False, checks=(good, bad)).reason
    assert rejected == "faults found: 0.5 against 0.8 of the champion, wanted at most .05 less"


def test_the_newest_tenth_is_held_out_and_a_day_at_most() -> None:
    held = hold_out([series(5000)], SECOND_US)
    assert held is not None
    assert [len(piece.values) for piece in held.learn] == [4500]
    assert [(piece.first_row, piece.rows) for piece in held.pieces] == [(CONTEXT_ROWS, 500)]
    assert held.learn[0].times_us[-1] < held.from_us == held.pieces[0].series.times_us[CONTEXT_ROWS]
    long = hold_out([series(30 * DAY_ROWS, interval_us=60 * SECOND_US)], 60 * SECOND_US)
    assert long is not None
    assert long.pieces[0].rows == DAY_ROWS


def test_each_asset_is_cut_at_its_own_newest_rows() -> None:
    """An asset that fell silent, an asset with a gap, and an asset with few rows, which keeps them."""
    silent, before, after = series(800, asset="a"), series(3000, asset="b"), series(900, 3100, asset="b")
    held = hold_out([silent, before, after, series(150, 3800, asset="c")], SECOND_US)
    assert held is not None
    assert [len(piece.values) for piece in held.learn] == [720, 3000, 510, 150]
    assert [(piece.series.asset, piece.rows) for piece in held.pieces] == [("a", 80), ("b", 390)]
    assert held.from_us == 3610 * SECOND_US


def test_rows_without_a_value_are_not_the_newest() -> None:
    piece = series(5000)
    piece.values[4000:] = np.nan
    held = hold_out([piece], SECOND_US)
    assert held is not None
    assert held.from_us == 3600 * SECOND_US


def test_nothing_is_held_out_if_too_few_rows_would_be_left() -> None:
    assert hold_out([series(LEAST_LEARNT + 95)], SECOND_US) is None
    assert hold_out([], SECOND_US) is None
    assert hold_out([series(LEAST_LEARNT + 96)], SECOND_US) is not None
