"""Times with their distance from now, for people."""

from __future__ import annotations

from datetime import UTC, datetime

_HOUR, _DAY = 60, 1440  # minutes


def time_ago(moment: datetime | None, now: datetime) -> str:
    """``2026-01-05 14:05:00 (7 min ago)`` in UTC; ``never`` for None."""
    if moment is None:
        return "never"
    minutes = round((now - moment).total_seconds() / 60)
    if minutes < 2 * _HOUR:
        distance = f"{minutes} min"
    elif minutes < 2 * _DAY:
        distance = f"{minutes // _HOUR} h"
    else:
        distance = f"{minutes // _DAY} d"
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} ({distance} ago)"
