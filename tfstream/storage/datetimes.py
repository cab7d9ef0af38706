"""Microseconds since 1970, as the rest of the program has time, and the datetimes of the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
