"""Exclusions: spans that are not learnt from, or whose anomalies are hidden; single or recurring.

A recurring exclusion follows an iCalendar rule (RFC 5545, 3.3.10) by the clocks of a time zone: its start and
its end keep their time of day when the clocks are changed. A time that the clocks skip counts as if they had
not been changed yet; of a time that they show twice, the first counts (RFC 5545, 3.3.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from tfstream.core.learning.pattern import matches
from tfstream.core.spans import Span
from tfstream.errors import UsageError

_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PART = re.compile(r"(INTERVAL|COUNT)=0*[1-9]\d{0,8}|(FREQ|UNTIL|WKST|BY[A-Z]+)=[^;=\s]+")
_MOST_OF_A_WEEKDAY = {"MONTHLY": 5, "YEARLY": 53}  # 2MO is the second Monday of a month or year
_YEARS = (1900, 2500)  # far from the ends of the calendar: no rule and no time zone overflows it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HIDDEN_SHARE = 0.8  # least share of blame on an exclusion's sensors; as hidden_by in the schema
_SLACK = timedelta(days=2)  # more than any change of clocks


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """``first`` is its first occurrence, and the only one without a ``rule``.

    ``asset`` and ``sensor`` are patterns, None for all. Occurrences that begin at or after
    ``removed_from_us`` are removed; an occurrence that is under way then ends there.

    :raises UsageError: when the span is empty or lies outside the years 1900 to 2500, or the rule or the time
        zone cannot be read.
    """

    first: Span
    asset: str | None = None
    sensor: str | None = None
    rule: str | None = None
    time_zone: str = "UTC"
    hide: bool = True
    no_learn: bool = True
    removed_from_us: int | None = None

    def __post_init__(self) -> None:
        if self.first.start_us >= self.first.end_us:
            raise UsageError("an exclusion must end after it begins")
        if not _start_of(_YEARS[0]) <= self.first.start_us < self.first.end_us <= _start_of(_YEARS[1]):
            raise UsageError("an exclusion must lie in the years {} to {}".format(*_YEARS))
        zone(self.time_zone)
        if not self.first_occurrences(1):
            raise UsageError(f"the rule {self.rule!r} has no occurrence")

    def concerns(self, asset: str) -> bool:
        """Whether the asset's name matches the exclusion's pattern."""
        return matches(self.asset, asset)

    def occurrences(self, within: Span) -> list[Span]:
        """The occurrences that overlap ``within``, in order; they may overlap each other."""
        spans = [self.first] if self.rule is None else self._recurring(within)
        if self.removed_from_us is not None:
            spans = [span._replace(end_us=min(span.end_us, self.removed_from_us)) for span in spans]
        return [span for span in spans if span.start_us < span.end_us and span.overlaps(within)]

    def hides(self, asset: str, shares: Mapping[str, float]) -> bool:
        """Whether it hides an alarm of an asset; ``shares`` is the blame of each sensor by name."""
        named = sum(share for name, share in shares.items() if matches(self.sensor, name))
        return self.hide and self.concerns(asset) and (self.sensor is None or named >= _HIDDEN_SHARE)

    def first_occurrences(self, count: int) -> list[Span]:
        """The first ``count`` occurrences, or fewer if the rule has fewer; removed occurrences included."""
        if self.rule is None:
            return [self.first]
        return [self._occurrence(start) for start in islice(self._rule(), count)]

    def _recurring(self, within: Span) -> list[Span]:
        first, first_end = (_local_time(time_us, self.time_zone) for time_us in self.first)
        earliest = max(_local_time(within.start_us, "UTC"), first) - (first_end - first) - _SLACK
        latest = _local_time(within.end_us, "UTC") + _SLACK
        return [self._occurrence(start) for start in self._rule().between(earliest, latest, inc=True)]

    def _occurrence(self, start: datetime) -> Span:
        """The occurrence from a local time on; if the clocks leave it empty, it is as long as the first."""
        first, first_end = (_local_time(time_us, self.time_zone) for time_us in self.first)
        tz = zone(self.time_zone)
        start_us = _microseconds(start.replace(tzinfo=tz))
        end_us = _microseconds((start + (first_end - first)).replace(tzinfo=tz))
        return Span(start_us, end_us if end_us > start_us else start_us + self.first.length_us)

    def _rule(self) -> rrule:
        """The rule on local times without a zone."""
        assert self.rule is not None
        return _parse_rule(self.rule, _local_time(self.first.start_us, self.time_zone), zone(self.time_zone))


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    :raises UsageError: when no time zone has this name.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: the name is a folder of zones
        raise UsageError(
            f"the time zone {name!r} is not known here; Europe/Berlin and UTC are examples of names"
        ) from None


def _parse_rule(text: str, start: datetime, tz: ZoneInfo) -> rrule:
    """:raises UsageError: when the text is not a rule that is supported."""
    parts = text.upper().removeprefix("RRULE:").split(";")
    wrong = [part for part in parts if not _PART.fullmatch(part)]
    frequency = next((part[5:] for part in parts if part.startswith("FREQ=")), None)
    try:
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no part of a rule")
        if frequency not in _FREQUENCIES:
            raise ValueError(f"FREQ must be one of {', '.join(_FREQUENCIES)}")
        _check_weekdays(parts, frequency)
        rule = rrulestr(";".join(_local_until(part, tz) for part in parts), dtstart=start)
    except ValueError as error:
        raise UsageError(
            f"the rule {text!r} cannot be read ({error}); write for example 'FREQ=WEEKLY;BYDAY=MO,TH'"
        ) from None
    assert isinstance(rule, rrule)
    return rule


def _check_weekdays(parts: Sequence[str], frequency: str) -> None:
    """Refuse a weekday number that the period cannot have; dateutil ignores 2MO in a week, and fails at 9MO.

    :raises ValueError: when no week, month or year has that many of a weekday.
    """
    of_months = any(part.startswith("BYMONTH=") for part in parts)
    most = _MOST_OF_A_WEEKDAY.get("MONTHLY" if of_months and frequency == "YEARLY" else frequency, 0)
    for weekday in ",".join(part[6:] for part in parts if part.startswith("BYDAY=")).split(","):
        if any(int(number) > most for number in re.findall(r"\d+", weekday)):
            raise ValueError(f"{weekday} is no weekday of the period")


def _local_until(part: str, tz: ZoneInfo) -> str:
    """Convert an UNTIL in UTC to local time; an UNTIL that is a date includes that day."""
    if not part.startswith("UNTIL="):
        return part
    if part.endswith("Z"):
        moment = datetime.strptime(part, "UNTIL=%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if moment.year > _YEARS[1]:  # without an end: the hours do not matter
            return part[:-1]
        return f"UNTIL={moment.astimezone(tz):%Y%m%dT%H%M%S}"
    return f"{part}T235959" if part[6:].isdigit() else part


def _local_time(time_us: int, time_zone: str) -> datetime:
    """The local time in a time zone, without the zone."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.astimezone(zone(time_zone)).replace(tzinfo=None)


def _start_of(year: int) -> int:
    return _microseconds(datetime(year, 1, 1, tzinfo=UTC))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
