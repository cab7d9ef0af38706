"""Exclusions, single and recurring, by the clocks of the plant's time zone, also when these are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.spans import Span
from tfstream.errors import UsageError
from tfstream.storage.datetimes import to_datetime, to_us

BERLIN = "Europe/Berlin"
YEAR = ("2026-01-01T00:00", "2027-01-01T00:00")


def span(start: str, end: str) -> Span:
    """Given in UTC."""
    return Span(*(to_us(datetime.fromisoformat(time).replace(tzinfo=UTC)) for time in (start, end)))


def recurring(rule: str, start: str, end: str, **more: str) -> Exclusion:
    return Exclusion(first=span(start, end), rule=rule, **more)  # type: ignore[arg-type]


def formatted(spans: list[Span]) -> list[str]:
    return [f"{to_datetime(start):%m-%d %H:%M}-{to_datetime(end):%H:%M}" for start, end in spans]


def test_a_change_of_clocks_keeps_the_local_time() -> None:
    shift = recurring("FREQ=DAILY;COUNT=4", "2026-03-27T07:00", "2026-03-27T09:00", time_zone=BERLIN)
    expected = ["03-27 07:00-09:00", "03-28 07:00-09:00", "03-29 06:00-08:00", "03-30 06:00-08:00"]
    assert formatted(shift.occurrences(span(*YEAR))) == expected


def test_a_weekend_ends_at_its_local_time() -> None:
    weekend = recurring("FREQ=WEEKLY;COUNT=3", "2026-10-16T18:00", "2026-10-19T04:00", time_zone=BERLIN)
    lengths = [(end - start) / 3.6e9 for start, end in weekend.occurrences(span(*YEAR))]
    assert lengths == [58, 59, 58]


def test_a_time_that_the_clocks_skip_or_show_twice() -> None:
    """In spring 02:30 is an hour later; in autumn the first of the two counts."""
    night = recurring("FREQ=DAILY", "2026-03-28T01:30", "2026-03-28T01:45", time_zone=BERLIN)
    spring = night.occurrences(span("2026-03-28T00:00", "2026-03-31T00:00"))
    assert formatted(spring) == ["03-28 01:30-01:45", "03-29 01:30-01:45", "03-30 00:30-00:45"]
    autumn = night.occurrences(span("2026-10-25T00:00", "2026-10-26T00:00"))
    assert formatted(autumn) == ["10-25 00:30-00:45"]


def test_an_occurrence_that_the_clocks_would_leave_empty_keeps_its_length() -> None:
    night = recurring("FREQ=DAILY", "2026-03-28T01:30", "2026-03-28T02:00", time_zone=BERLIN)
    assert formatted(night.occurrences(span("2026-03-29T00:00", "2026-03-30T00:00"))) == ["03-29 01:30-02:00"]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("RRULE:FREQ=WEEKLY;BYDAY=MO,TH;COUNT=3", ["01-05", "01-08", "01-12"]),
        ("FREQ=MONTHLY;BYDAY=-1SU;COUNT=2", ["01-25", "02-22"]),
        ("FREQ=DAILY;UNTIL=20260107", ["01-05", "01-06", "01-07"]),  # a date ends with its day
        ("FREQ=DAILY;UNTIL=20260106T080000Z", ["01-05", "01-06"]),
        ("freq=yearly;count=1", ["01-05"]),
        ("FREQ=YEARLY;UNTIL=99991231T235959Z", ["01-05"]),  # how calendars write: without an end
        ("FREQ=MONTHLY;BYDAY=5MO;COUNT=1", ["03-30"]),
        ("FREQ=YEARLY;BYDAY=53TH;COUNT=1", ["12-31"]),
    ],
)
def test_rules(rule: str, days: list[str]) -> None:
    exclusion = recurring(rule, "2026-01-05T08:00", "2026-01-05T09:00")
    assert [text[:5] for text in formatted(exclusion.occurrences(span(*YEAR)))] == days


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("every monday", "is no part of a rule"),
        ("FREQ=HOURLY", "FREQ must be one of DAILY"),
        ("BYDAY=MO", "FREQ must be one of DAILY"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
        ("FREQ=MONTHLY;BYDAY=1MO,6MO", "6MO is no weekday of the period"),
        ("FREQ=YEARLY;BYDAY=-99FR", "-99FR is no weekday of the period"),
        ("FREQ=WEEKLY;BYDAY=2MO", "2MO is no weekday of the period"),  # dateutil alone would ignore the 2
        ("FREQ=WEEKLY;INTERVAL=0", "'INTERVAL=0' is no part"),
        ("FREQ=DAILY;UNTIL=2026Z", "does not match"),
        ("FREQ=DAILY;UNTIL=20250101", "has no occurrence"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "has no occurrence"),
        ("DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY", "is no part of a rule"),
    ],
)
def test_a_rule_that_is_not_supported(rule: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        recurring(rule, "2026-01-05T08:00", "2026-01-05T09:00")


def test_a_rule_without_an_end_works_in_every_zone() -> None:
    exclusion = recurring(
        "FREQ=DAILY;UNTIL=99991231T235959Z", "2026-01-05T08:00", "2026-01-05T09:00", time_zone=BERLIN
    )
    assert len(exclusion.first_occurrences(3)) == 3


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_time_near_the_ends_of_the_calendar_is_refused(year: str) -> None:
    with pytest.raises(UsageError, match="years 1900 to 2500"):
        recurring("FREQ=DAILY", f"{year}-01-01T00:00", f"{year}-12-31T23:00", time_zone=BERLIN)


def test_an_exclusion_has_a_length_and_a_known_zone() -> None:
    with pytest.raises(UsageError, match="end after it begins"):
        Exclusion(first=span("2026-01-05T08:00", "2026-01-05T08:00"))
    with pytest.raises(UsageError, match="'Europe/Atlantis' is not known here"):
        recurring("FREQ=DAILY", "2026-01-05T08:00", "2026-01-05T09:00", time_zone="Europe/Atlantis")


def test_an_exclusion_is_removed_from_a_time_on() -> None:
    removed = to_us(datetime(2026, 1, 7, 8, tzinfo=UTC))
    first = span("2026-01-05T08:00", "2026-01-05T09:00")
    daily = Exclusion(first=first, rule="FREQ=DAILY", removed_from_us=removed)
    assert formatted(daily.occurrences(span(*YEAR))) == ["01-05 08:00-09:00", "01-06 08:00-09:00"]
    assert Exclusion(first=first, removed_from_us=first.start_us).occurrences(span(*YEAR)) == []
    ended = Exclusion(first=first, removed_from_us=first.start_us + 600_000_000)
    assert formatted(ended.occurrences(span(*YEAR))) == ["01-05 08:00-08:10"]  # the work was over early


def test_an_occurrence_that_began_before_the_span_is_included() -> None:
    long = recurring("FREQ=MONTHLY", "2026-01-01T00:00", "2026-01-11T00:00")
    occurrences = long.occurrences(span("2026-03-10T12:00", "2026-03-10T13:00"))
    assert formatted(occurrences) == ["03-01 00:00-00:00"]
    assert occurrences[0].length_us == timedelta(days=10) / timedelta(microseconds=1)


def test_assets_are_named_by_a_pattern() -> None:
    first = span("2026-01-05T08:00", "2026-01-05T09:00")
    assert Exclusion(first=first, asset="pump-?").concerns("pump-7")
    assert not Exclusion(first=first, asset="pump-?").concerns("pump-12")
    assert not Exclusion(first=first, asset="T[1]").concerns("T1")  # no other character is special
    assert Exclusion(first=first, asset="T[1]*").concerns("T[1] (bar)")
