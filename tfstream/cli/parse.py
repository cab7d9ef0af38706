"""Spans as people write them: by the clocks of a zone, or back from now."""

from __future__ import annotations

from datetime import datetime

from tfstream.cli.output import duration_us, now_us
from tfstream.core.learning.exclusion import zone
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.core.spans import Span
from tfstream.errors import UsageError


def when_us(text: str, time_zone: str) -> int:
    """``now``, a duration back from now, or ISO 8601: by the clocks of the zone unless it says otherwise.

    :raises UsageError: when the text is none of these.
    """
    if text == "now":
        return now_us()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return now_us() - _back_us(text)
    return from_iso((moment if moment.tzinfo else moment.replace(tzinfo=zone(time_zone))).isoformat())


def span_of(begin: str, end: str | None, duration: str | None, time_zone: str) -> Span:
    """:raises UsageError: when it is not said once how long it lasts, or a time cannot be read."""
    if (end is None) == (duration is None):
        raise UsageError("give either --to, when it ends, or --for, how long it lasts")
    start_us = when_us(begin, time_zone)
    if duration is not None:
        return Span(start_us, start_us + duration_us(duration))
    assert end is not None
    return Span(start_us, when_us(end, time_zone))


def _back_us(text: str) -> int:
    try:
        return duration_us(text)
    except UsageError:
        raise UsageError(
            f"{text!r} is no time; write for example 2026-03-29T08:00, now, or 2h for two hours ago"
        ) from None
