"""Exclusions: spans that are not learnt from, or whose anomalies are hidden; once, or again and again.

A recurring one follows an iCalendar rule (RFC 5545, 3.3.10) by the clocks of a time zone: its beginning and
its end keep their time of day when the clocks are changed. A time that the clocks skip is taken as if they
had not been changed yet, one that they show twice is the first of the two (RFC 5545, 3.3.5).
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
_MOST_OF_A_WEEKDAY = {"MONTHLY": 5, "YEARLY": 53}  # 2MO is the second Monday of one of these
_YEARS = (1900, 2500)  # so far from the ends of the calendar that no rule and no zone gets there
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HIDDEN_SHARE = 0.8  # of the blame, at least, for the sensors of an exclusion; as hidden_by of the schema
_SLACK = timedelta(days=2)  # more than clocks are ever changed by


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """``first`` is its first occurrence, or the only one when there is no ``rule``.

    ``asset`` and ``sensor`` are patterns, None for all. Occurrences that begin at or after
    ``removed_from_us`` are none any more, and one that goes on then ends with it.

    :raises UsageError: when the span is empty or far off, or the rule or the time zone cannot be read.
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
        if not _moment(_YEARS[0]) <= self.first.start_us < self.first.end_us <= _moment(_YEARS[1]):
            raise UsageError("an exclusion must lie in the years {} to {}".format(*_YEARS))
        zone(self.time_zone)
        if not self.first_occurrences(1):
            raise UsageError(f"the rule {self.rule!r} never comes true")

    def concerns(self, asset: str) -> bool:
        return matches(self.asset, asset)

    def occurrences(self, within: Span) -> list[Span]:
        """Those with a moment in ``within``, in order; they may overlap."""
        found = [self.first] if self.rule is None else self._recurring(within)
        if self.removed_from_us is not None:
            found = [span._replace(end_us=min(span.end_us, self.removed_from_us)) for span in found]
        return [span for span in found if span.start_us < span.end_us and span.overlaps(within)]

    def hides(self, asset: str, shares: Mapping[str, float]) -> bool:
        """Whether it hides alarms of an asset that are put down to sensors in such shares."""
        named = sum(share for name, share in shares.items() if matches(self.sensor, name))
        return self.hide and self.concerns(asset) and (self.sensor is None or named >= _HIDDEN_SHARE)

    def first_occurrences(self, count: int) -> list[Span]:
        """At most so many, those that were removed among them."""
        if self.rule is None:
            return [self.first]
        return [self._occurrence(begins) for begins in islice(self._rule(), count)]

    def _recurring(self, within: Span) -> list[Span]:
        start, end = (_clocks(one, self.time_zone) for one in self.first)
        earliest = max(_clocks(within.start_us, "UTC"), start) - (end - start) - _SLACK
        latest = _clocks(within.end_us, "UTC") + _SLACK
        return [self._occurrence(begins) for begins in self._rule().between(earliest, latest, inc=True)]

    def _occurrence(self, begins: datetime) -> Span:
        """By the clocks; one of which they leave nothing has the length of the first."""
        start, end = (_clocks(one, self.time_zone) for one in self.first)
        here = zone(self.time_zone)
        start_us = _microseconds(begins.replace(tzinfo=here))
        end_us = _microseconds((begins + (end - start)).replace(tzinfo=here))
        return Span(start_us, end_us if end_us > start_us else start_us + self.first.length_us)

    def _rule(self) -> rrule:
        """Of local times without a zone."""
        assert self.rule is not None
        return _parsed(self.rule, _clocks(self.first.start_us, self.time_zone), zone(self.time_zone))


def zone(name: str) -> ZoneInfo:
    """:raises UsageError: when there is none of this name."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # a folder of zones, a path out of it
        raise UsageError(
            f"the time zone {name!r} is not known here; Europe/Berlin and UTC are names of zones"
        ) from None


def _parsed(text: str, start: datetime, here: ZoneInfo) -> rrule:
    """:raises UsageError: when it is no rule that can be followed."""
    parts = text.upper().removeprefix("RRULE:").split(";")
    wrong = [part for part in parts if not _PART.fullmatch(part)]
    frequency = next((part[5:] for part in parts if part.startswith("FREQ=")), None)
    try:
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no part of a rule")
        if frequency not in _FREQUENCIES:
            raise ValueError(f"FREQ must be one of {', '.join(_FREQUENCIES)}")
        _check_weekdays(parts, frequency)
        found = rrulestr(";".join(_until_here(part, here) for part in parts), dtstart=start)
    except ValueError as error:
        raise UsageError(
            f"the rule {text!r} cannot be read ({error}); write for example 'FREQ=WEEKLY;BYDAY=MO,TH'"
        ) from None
    assert isinstance(found, rrule)
    return found


def _check_weekdays(parts: Sequence[str], frequency: str) -> None:
    """dateutil passes over 2MO where there are only weeks, and breaks at 9MO later on.

    :raises ValueError: when a week, month or year has not so many of a weekday.
    """
    of_months = any(part.startswith("BYMONTH=") for part in parts)
    most = _MOST_OF_A_WEEKDAY.get("MONTHLY" if of_months and frequency == "YEARLY" else frequency, 0)
    for weekday in ",".join(part[6:] for part in parts if part.startswith("BYDAY=")).split(","):
        if any(int(number) > most for number in re.findall(r"\d+", weekday)):
            raise ValueError(f"{weekday} is no weekday of it")


def _until_here(part: str, here: ZoneInfo) -> str:
    """An UNTIL in UTC as the local time that it is; a date alone ends with its day."""
    if not part.startswith("UNTIL="):
        return part
    if part.endswith("Z"):
        moment = datetime.strptime(part, "UNTIL=%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if moment.year > _YEARS[1]:  # for good: the hours do not matter
            return part[:-1]
        return f"UNTIL={moment.astimezone(here):%Y%m%dT%H%M%S}"
    return f"{part}T235959" if part[6:].isdigit() else part


def _clocks(time_us: int, time_zone: str) -> datetime:
    """What the clocks of a zone show, as a time without one."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.astimezone(zone(time_zone)).replace(tzinfo=None)


def _moment(year: int) -> int:
    return _microseconds(datetime(year, 1, 1, tzinfo=UTC))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
