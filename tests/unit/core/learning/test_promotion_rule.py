"""The rule by which a new model may take over, and what is held out for it."""

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
    experience_check,
)
from tfstream.core.reading import Series

SECOND_US = 1_000_000
DAY_ROWS = 24 * 60


def series(rows: int, first: int = 0, asset: str = "x", interval_us: int = SECOND_US) -> Series:
    times = (first + np.arange(rows, dtype=np.int64)) * interval_us
    return Series(asset, times, np.ones((rows, 2), dtype=np.float32))


@pytest.mark.parametrize(
    ("expected", "most"), [(0.0, 1), (0.001, 1), (0.14, 1), (0.5, 2), (1.0, 3), (10, 15)]
)
def test_as_many_alarms_as_chance_gives_once_in_twenty_times(expected: float, most: int) -> None:
    assert alarm_limit(expected) == most


def test_no_mean_is_too_large_to_be_counted() -> None:
    assert alarm_limit(900.0) >= 900
    assert alarm_limit(1e300) >= 100_000  # and does not count for ever


def test_the_budget_is_broken_by_many_alarms_and_by_one_that_does_not_end() -> None:
    week = AlarmCount(raised=1, allowed=1.0, share=0.01, weeks=1.0)
    assert [check.holds for check in budget_checks(None, week)] == [True, True]
    assert [check.holds for check in budget_checks(week, week._replace(raised=4))] == [False, True]
    assert [check.holds for check in budget_checks(week, week._replace(share=0.9))] == [True, False]


@pytest.mark.parametrize(
    ("champion", "challenger", "holds"),
    [
        ((1, 0.9), (5, 0.3), [None, True]),  # a standing alarm is but one: there is nothing to count
        ((1, 0.9), (1, 0.95), [True, False]),
        ((6, 0.1), (5, 0.1), [True, True]),
        ((6, 0.1), (7, 0.1), [False, True]),
        ((6, 0.1), (1, 0.9), [True, False]),
        ((0, 0.0), (4, 0.1), [False, True]),
    ],
)
def test_a_champion_that_breaks_the_budget_itself_is_kept_from_nothing_better(
    champion: tuple[int, float], challenger: tuple[int, float], holds: list[bool | None]
) -> None:
    ours, theirs = (
        AlarmCount(raised=raised, allowed=1.0, share=share, weeks=1.0)
        for raised, share in (challenger, champion)
    )
    assert [check.holds for check in budget_checks(theirs, ours)] == holds
    assert not ours.within_budget


def test_a_model_of_one_day_is_not_trusted_beside_one_of_a_fortnight() -> None:
    assert experience_check(1000, 500).holds
    told = experience_check(14_000, 1_000)
    assert not told.holds
    assert GateDecision(promote=False, checks=(told,)).reason.startswith(
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
    found = detection_checks(["hum"], None, np.array([0.2]))
    assert [check.holds for check in found] == [None, None]


def test_the_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    differences = np.random.default_rng(1).normal(0.1, 0.3, 200)
    low, high = bootstrap_interval(differences)
    assert low < differences.mean() < high
    assert high - low == pytest.approx(4 * 0.3 / np.sqrt(200), rel=0.2)
    assert bootstrap_interval(differences) == (low, high)


def test_the_reason_names_what_broke_or_else_what_held() -> None:
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
    assert [len(one.values) for one in held.learn] == [4500]
    assert [(one.first_row, one.rows) for one in held.pieces] == [(CONTEXT_ROWS, 500)]
    assert held.learn[0].times_us[-1] < held.from_us == held.pieces[0].series.times_us[CONTEXT_ROWS]
    long = hold_out([series(30 * DAY_ROWS, interval_us=60 * SECOND_US)], 60 * SECOND_US)
    assert long is not None
    assert long.pieces[0].rows == DAY_ROWS


def test_each_asset_is_cut_at_its_own_newest_rows() -> None:
    """One that fell silent, one with a gap, and one with hardly any rows, which keeps them."""
    silent, before, after = series(800, asset="a"), series(3000, asset="b"), series(900, 3100, asset="b")
    held = hold_out([silent, before, after, series(150, 3800, asset="c")], SECOND_US)
    assert held is not None
    assert [len(one.values) for one in held.learn] == [720, 3000, 510, 150]
    assert [(one.series.asset, one.rows) for one in held.pieces] == [("a", 80), ("b", 390)]
    assert held.from_us == 3610 * SECOND_US


def test_rows_without_a_value_are_not_the_newest() -> None:
    one = series(5000)
    one.values[4000:] = np.nan
    held = hold_out([one], SECOND_US)
    assert held is not None
    assert held.from_us == 3600 * SECOND_US


def test_nothing_is_held_out_of_what_barely_suffices() -> None:
    assert hold_out([series(LEAST_LEARNT + 95)], SECOND_US) is None
    assert hold_out([], SECOND_US) is None
    assert hold_out([series(LEAST_LEARNT + 96)], SECOND_US) is not None
