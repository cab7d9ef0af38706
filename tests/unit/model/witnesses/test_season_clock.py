"""The time of the week of a row, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from tfstream.model.witnesses.season_clock import (
    DAY_US,
    HOUR_US,
    days_of,
    local_times,
    times_of_week,
    weekdays_of,
)


def _us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


def test_the_week_begins_on_monday() -> None:
    monday = np.array([_us(2026, 1, 5), _us(2026, 1, 5, 13, 30), _us(2026, 1, 11, 23)])
    assert weekdays_of(days_of(monday)).tolist() == [0, 0, 6]
    assert times_of_week(monday).tolist() == [0, 13 * HOUR_US + HOUR_US // 2, 6 * DAY_US + 23 * HOUR_US]


def test_the_clocks_of_a_zone_change_with_daylight_saving() -> None:
    """In Berlin, 06:00 is 05:00 UTC in winter and 04:00 UTC in summer."""
    six = np.array([_us(2026, 3, 27, 5), _us(2026, 3, 30, 4)])
    assert (local_times(six, "Europe/Berlin") % DAY_US // HOUR_US).tolist() == [6, 6]
    assert (local_times(six, "UTC") == six).all()


def test_a_zone_may_lie_half_an_hour_off() -> None:
    noon = np.array([_us(2026, 6, 1, 6, 30)])
    assert (local_times(noon, "Asia/Kolkata") % DAY_US // HOUR_US).tolist() == [12]
