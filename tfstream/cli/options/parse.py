"""Text of the command line as numbers: durations, times, spans and alarm budgets."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Concatenate, ParamSpec, TypeVar

from tfstream.core.learning.exclusion import zone
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.core.spans import Span
from tfstream.errors import UsageError

UNITS_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
Parsed = TypeVar("Parsed")
Arguments = ParamSpec("Arguments")

_LONGEST_US = 5218 * UNITS_US["w"]
_WEEKS = {"day": 1 / 7, "week": 1.0, "month": 365.25 / 12 / 7, "year": 365.25 / 7}


def of_option(
    option: str,
    parse: Callable[Concatenate[str, Arguments], Parsed],
    text: str,
    *rest: Arguments.args,
    **named: Arguments.kwargs,
) -> Parsed:
    """``parse(text, ...)``; an error names the option that has the text.

    :raises UsageError: when the text cannot be read.
    """
    try:
        return parse(text, *rest, **named)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def now_us() -> int:
    """The present time in microseconds since 1970."""
    return int(datetime.now(UTC).timestamp() * 1e6)


def parse_duration_us(text: str) -> int:
    """``500ms``, ``1s``, ``5m``, ``2h``, ``14d`` or ``2w`` in microseconds.

    :raises UsageError: when the text is not a duration, or longer than a hundred years.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration; write for example 500ms, 1s, 5m, 2h or 14d")
    duration_us = round(float(match[1]) * UNITS_US[match[2]])
    if duration_us > _LONGEST_US:
        raise UsageError(f"{text!r} is longer than a hundred years")
    return duration_us


def parse_moment_us(text: str, latest_us: int) -> int:
    """An ISO 8601 time, in UTC unless it names an offset, or a duration back from ``latest_us``.

    :raises UsageError: when the text is neither.
    """
    moment_us = _iso_us(text, UTC)
    return latest_us - parse_duration_us(text) if moment_us is None else moment_us


def parse_local_time_us(text: str, time_zone: str) -> int:
    """``now``, a duration back from now, or an ISO 8601 time, in ``time_zone`` unless it names an offset.

    :raises UsageError: when the text is none of these, or the time zone is unknown.
    """
    if text == "now":
        return now_us()
    moment_us = _iso_us(text, zone(time_zone))
    return now_us() - _parse_age_us(text) if moment_us is None else moment_us


def parse_span(begin: str, end: str | None, duration: str | None, time_zone: str) -> Span:
    """A span that starts at ``begin`` and has either an end or a duration.

    :raises UsageError: when both or neither of end and duration are given, or a text cannot be read.
    """
    if (end is None) == (duration is None):
        raise UsageError("give either --to (the end) or --for (the duration)")
    start_us = of_option("--from", parse_local_time_us, begin, time_zone)
    if duration is not None:
        return Span(start_us, start_us + of_option("--for", parse_duration_us, duration))
    assert end is not None
    return Span(start_us, of_option("--to", parse_local_time_us, end, time_zone))


def parse_alarm_budget(text: str) -> float:
    """``1/week``, ``2/month``, or a number, which counts per week: false alarms of an asset in a week.

    :raises UsageError: when the text is not a budget, or not above zero.
    """
    count, _, unit = text.strip().partition("/")
    try:
        per_week = float(count) / _WEEKS[unit.strip() or "week"]
    except (ValueError, KeyError):
        per_week = math.nan
    if not 0 < per_week < math.inf:
        raise UsageError(
            f"{text!r} is not an alarm budget; write for example 1/week, 0.5/day, 2/month or 4/year"
        )
    return per_week


def parse_asset_budgets(texts: Sequence[str], before: Mapping[str, float]) -> dict[str, float]:
    """``before`` with the budget of each ``ASSET=1/week``; ``ASSET=`` removes the asset's own budget.

    :raises UsageError: when a text is not of this form.
    """
    budgets = dict(before)
    for text in texts:
        asset, separator, budget = text.rpartition("=")
        if not separator or not asset:
            raise UsageError(f"--asset-budget {text!r} is not of the form ASSET=1/week")
        if budget:
            budgets[asset] = of_option("--asset-budget", parse_alarm_budget, budget)
        else:
            budgets.pop(asset, None)
    return budgets


def _iso_us(text: str, default_zone: tzinfo) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time; None when the text is not a time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return from_iso((moment if moment.tzinfo else moment.replace(tzinfo=default_zone)).isoformat())


def _parse_age_us(text: str) -> int:
    try:
        return parse_duration_us(text)
    except UsageError:
        raise UsageError(
            f"{text!r} is not a time; write for example 2026-03-29T08:00, now, or 2h for two hours ago"
        ) from None
