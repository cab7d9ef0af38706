"""Spans are sets of moments, and a rule gives the same occurrences however it is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.spans import Span, covered_rows, merge_spans
from tfstream.storage.datetimes import to_datetime, to_us

MOMENT = st.integers(0, 60)
SPANS = st.lists(st.builds(Span, MOMENT, MOMENT), max_size=12)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
RULES = st.sampled_from(
    ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,SU", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;INTERVAL=3;COUNT=200"]
)
MINUTES = st.integers(0, 60 * 24 * 365)
START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = settings(max_examples=150, derandomize=True, deadline=None)


@QUIET
@given(SPANS)
def test_joined_spans_are_the_same_moments_in_order_and_apart(spans: list[Span]) -> None:
    found = merge_spans(spans)
    moments = {moment for span in spans for moment in range(*span)}
    assert {moment for span in found for moment in range(*span)} == moments
    assert all(before.end_us < after.start_us for before, after in pairwise(found))
    times = np.arange(-1, 62)
    assert covered_rows(found, times).tolist() == [time in moments for time in times.tolist()]


@QUIET
@given(ZONES, RULES, MINUTES, st.integers(1, 3 * 24 * 60), MINUTES, st.integers(1, 60 * 24 * 40))
def test_occurrences_keep_their_time_of_day_and_do_not_depend_on_the_question(
    zone: str, rule: str, begins: int, lasts: int, asked: int, width: int
) -> None:
    start = START + timedelta(minutes=begins)
    first = Span(to_us(start), to_us(start + timedelta(minutes=lasts)))
    exclusion = Exclusion(first=first, rule=rule, time_zone=zone)
    asked_us = to_us(START + timedelta(minutes=asked))
    within = Span(asked_us, asked_us + width * 60_000_000)
    every = exclusion.occurrences(Span(first.start_us, to_us(START + timedelta(days=800))))
    assert exclusion.occurrences(within) == [span for span in every if span.overlaps(within)]
    here = ZoneInfo(zone)
    clock = to_datetime(first.start_us).astimezone(here).time()
    for span in every:
        local = to_datetime(span.start_us).astimezone(here)
        skipped = local.replace(tzinfo=None) != wall(local, clock)
        assert not skipped or local.utcoffset() != (local - timedelta(hours=3)).utcoffset()
        assert abs(span.length_us - first.length_us) <= 3_600_000_000


def wall(local: datetime, clock: object) -> datetime:
    """The day of ``local`` at a time of day."""
    return datetime.combine(local.date(), clock)  # type: ignore[arg-type]
