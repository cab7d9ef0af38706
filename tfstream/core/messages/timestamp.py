"""A message's time field as event time in microseconds since 1970."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tfstream.core.reading import InvalidReading
from tfstream.core.stream import TimeUnit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_YEAR_2200_US = 7_258_118_400_000_000
_PER_UNIT = {
    TimeUnit.SECONDS: 1e6,
    TimeUnit.MILLISECONDS: 1e3,
    TimeUnit.MICROSECONDS: 1.0,
    TimeUnit.NANOSECONDS: 1e-3,
}

RawTime = str | int | float | None


def time_reader(unit: TimeUnit) -> Callable[[RawTime], int]:
    """A function that turns a time field in ``unit`` into microseconds; it raises only InvalidReading."""
    if unit in (TimeUnit.AUTO, TimeUnit.RECORD):
        return read_auto
    if unit is TimeUnit.ISO:
        return _read_iso_only
    scale = _PER_UNIT[unit]
    return lambda raw: _from_number(raw, scale)


def read_auto(raw: RawTime) -> int:
    """Read ISO 8601 text, or a number whose magnitude shows its unit: s, ms, µs or ns (from 1973 to 5138).

    :raises InvalidReading: when it is neither, or not between the years 1970 and 2200.
    """
    if isinstance(raw, str):
        return _read_text(raw)
    if raw is None:
        raise InvalidReading("the message has no time")
    size = abs(raw)
    if size < 1e11:
        return _from_number(raw, 1e6)
    if size < 1e14:
        return _from_number(raw, 1e3)
    return _from_number(raw, 1.0 if size < 1e17 else 1e-3)


def _read_text(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _read_numeric_text(text)
    if moment.tzinfo is None:  # a time without a zone is UTC
        moment = moment.replace(tzinfo=UTC)
    return check_time((moment - _EPOCH) // _MICROSECOND)


def _read_numeric_text(text: str) -> int:
    try:
        return read_auto(float(text))
    except ValueError:
        raise InvalidReading(f"the time {text[:40]!r} is neither ISO 8601 nor a number") from None


def _read_iso_only(raw: RawTime) -> int:
    if not isinstance(raw, str):
        raise InvalidReading(f"the time {raw!r} is not ISO 8601 text")
    return _read_text(raw)


def _from_number(raw: RawTime, microseconds: float) -> int:
    if isinstance(raw, int) and microseconds >= 1:  # integers stay exact
        return check_time(raw * int(microseconds))
    try:
        return check_time(round(float(raw) * microseconds))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InvalidReading(f"the time {raw!r} is not a number") from None


def check_time(time_us: int) -> int:
    """The time itself.

    :raises InvalidReading: when it is not between the years 1970 and 2200.
    """
    if not 0 <= time_us < _YEAR_2200_US:
        raise InvalidReading("the time is not between the years 1970 and 2200")
    return time_us
