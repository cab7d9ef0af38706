"""Times with their distance from now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tfstream.app.checks.time_ago import time_ago

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "distance"),
    [(0, "0 min"), (119, "119 min"), (120, "2 h"), (2879, "47 h"), (2880, "2 d")],
)
def test_the_distance_has_a_unit_that_suits_it(minutes: int, distance: str) -> None:
    moment = NOW - timedelta(minutes=minutes)
    assert time_ago(moment, NOW) == f"{moment:%Y-%m-%d %H:%M:%S} ({distance} ago)"


def test_no_time_is_never() -> None:
    assert time_ago(None, NOW) == "never"
