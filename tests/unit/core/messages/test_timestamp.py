"""A time field in every form, and what is not a time."""

from __future__ import annotations

import pytest

from tfstream.core.messages.timestamp import read_auto, time_reader
from tfstream.core.reading import InvalidReading
from tfstream.core.stream import TimeUnit

NOON_US = 1_767_614_400_000_000


@pytest.mark.parametrize(
    "raw",
    [
        "2026-01-05T12:00:00Z",
        "2026-01-05 12:00:00",
        "2026-01-05T13:00:00+01:00",
        "1767614400",
        1767614400,
        1767614400.0,
        1767614400_000,
        1767614400_000_000,
        1767614400_000_000_000,
    ],
)
def test_times_in_every_form(raw: str | float) -> None:
    assert read_auto(raw) == NOON_US


@pytest.mark.parametrize("raw", ["soon", "", None, -1, float("nan"), float("inf"), 10**400, "1e999"])
def test_values_that_are_not_times(raw: str | float | None) -> None:
    with pytest.raises(InvalidReading):
        read_auto(raw)


def test_a_named_unit_is_not_inferred() -> None:
    assert time_reader(TimeUnit.SECONDS)(5) == 5_000_000
    assert time_reader(TimeUnit.NANOSECONDS)(5_000) == 5
    with pytest.raises(InvalidReading):
        time_reader(TimeUnit.ISO)(5)
