"""The time of the week at which a row of a stream lies, by the clocks of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tfstream.core.stream import MICROSECONDS

Integers = NDArray[np.int64]

HOUR_US = 3600 * MICROSECONDS
DAY_US = 24 * HOUR_US
_QUARTER_US = HOUR_US // 4  # no offset of a time zone changes within a quarter of an hour
_MONDAY = 3  # day 0, 1 January 1970, was a Thursday
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_times(times_us: Integers, time_zone: str) -> Integers:
    """What the clocks of the zone show at ``times_us [n]``, in microseconds since 1970."""
    if time_zone == "UTC":
        return times_us
    quarters, place = np.unique(times_us // _QUARTER_US, return_inverse=True)
    offsets = np.array([_offset_us(time_zone, quarter) for quarter in quarters.tolist()], dtype=np.int64)
    return times_us + offsets[place]


def days_of(local_us: Integers) -> Integers:
    """The days ``[n]`` since 1970."""
    return local_us // DAY_US


def weekdays_of(days: Integers) -> Integers:
    """The days of the week ``[n]``: 0 is Monday."""
    return (days + _MONDAY) % 7


def times_of_week(local_us: Integers) -> Integers:
    """The microseconds ``[n]`` since Monday, 00:00."""
    return (local_us + _MONDAY * DAY_US) % (7 * DAY_US)


@lru_cache(maxsize=65_536)
def _offset_us(time_zone: str, quarter: int) -> int:
    moment = _EPOCH + timedelta(microseconds=quarter * _QUARTER_US)
    offset = moment.astimezone(ZoneInfo(time_zone)).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)
