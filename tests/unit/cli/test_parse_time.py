"""Durations and moments as people write them."""

from __future__ import annotations

import pytest

from tfstream.cli.options.parse import parse_duration_us, parse_moment_us
from tfstream.cli.output.printing import pretty_duration
from tfstream.errors import UsageError

NOON_US = 1_767_614_400_000_000


def test_durations() -> None:
    assert parse_duration_us("1.5s") == 1_500_000
    assert parse_duration_us("14d") == 14 * 86_400_000_000
    assert pretty_duration(90_000_000) == "90s"
    with pytest.raises(UsageError):
        parse_duration_us("soon")


def test_moments() -> None:
    assert parse_moment_us("1h", NOON_US) == NOON_US - 3_600_000_000
    assert parse_moment_us("2026-01-05 12:00", 0) == NOON_US
