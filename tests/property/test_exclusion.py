"""Merged spans cover the same times, and the occurrences of a rule do not depend on the requested span."""

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

TIME = st.integers(0, 60)
SPANS = st.lists(st.builds(Span, TIME, TIME), max_size=12)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
RULES = st.sampled_from(
    ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,SU", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;INTERVAL=3;COUNT=200"]
)
MINUTES = st.integers(0, 60 * 24 * 365)
START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = settings(max_examples=150, derandomize=True, deadline=None)


@QUIET
@given(SPANS)
def test_merged_spans_cover_the_same_times_in_order_and_with_gaps(spans: list[Span]) -> None:
    merged = merge_spans(spans)
    times = {time for span in spans for time in range(*span)}
    assert {time for span in merged for time in range(*span)} == times
    assert all(before.end_us < after.start_us for before, after in pairwise(merged))
    row_times = np.arange(-1, 62)
    assert covered_rows(merged, row_times).tolist() == [time in times for time in row_times.tolist()]


@QUIET
@given(ZONES, RULES, MINUTES, st.integers(1, 3 * 24 * 60), MINUTES, st.integers(1, 60 * 24 * 40))
def test_occurrences_keep_their_time_of_day_and_do_not_depend_on_the_requested_span(
    zone: str, rule: str, start_minute: int, length_minutes: int, from_minute: int, width_minutes: int
) -> None:
    start = START + timedelta(minutes=start_minute)
    first = Span(to_us(start), to_us(start + timedelta(minutes=length_minutes)))
    exclusion = Exclusion(first=first, rule=rule, time_zone=zone)
    from_us = to_us(START + timedelta(minutes=from_minute))
    requested = Span(from_us, from_us + width_minutes * 60_000_000)
    all_occurrences = exclusion.occurrences(Span(first.start_us, to_us(START + timedelta(days=800))))
    assert exclusion.occurrences(requested) == [span for span in all_occurrences if span.overlaps(requested)]
    time_zone = ZoneInfo(zone)
    clock = to_datetime(first.start_us).astimezone(time_zone).time()
    for span in all_occurrences:
        local = to_datetime(span.start_us).astimezone(time_zone)
        skipped = local.replace(tzinfo=None) != local_time(local, clock)
        assert not skipped or local.utcoffset() != (local - timedelta(hours=3)).utcoffset()
        assert abs(span.length_us - first.length_us) <= 3_600_000_000


def local_time(local: datetime, clock: object) -> datetime:
    """The time of day ``clock`` on the day of ``local``."""
    return datetime.combine(local.date(), clock)  # type: ignore[arg-type]
