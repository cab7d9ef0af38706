"""When a stream is refitted: by the clocks of its time zone, also in the nights when they are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tfstream.app.training.schedule import Schedule
from tfstream.errors import ConfigurationError

BERLIN = "Europe/Berlin"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(schedule: Schedule, start: str, count: int) -> list[str]:
    """The next times in UTC."""
    found = [moment(start)]
    while len(found) <= count:
        found.append(schedule.next_after(found[-1], "any"))
    return [time.astimezone(UTC).isoformat(timespec="minutes")[:16] for time in found[1:]]


def test_two_in_the_morning_is_local_time() -> None:
    schedule = Schedule(expression="0 2 * * *", time_zone=BERLIN)
    assert times(schedule, "2026-01-05T00:00", 2) == ["2026-01-05T01:00", "2026-01-06T01:00"]
    assert times(schedule, "2026-07-05T00:30", 1) == ["2026-07-06T00:00"]


def test_a_time_that_the_clocks_skip_is_made_up_for() -> None:
    """On 2026-03-29 Berlin goes from 02:00 to 03:00: 02:30 is run at 03:00, and at 02:30 the day after."""
    schedule = Schedule(expression="30 2 * * *", time_zone=BERLIN)
    assert times(schedule, "2026-03-28T12:00", 2) == ["2026-03-29T01:00", "2026-03-30T00:30"]


def test_a_time_that_the_clocks_show_twice_counts_once() -> None:
    """On 2026-10-25 Berlin has 02:30 twice, an hour apart."""
    schedule = Schedule(expression="30 2 * * *", time_zone=BERLIN)
    found = times(schedule, "2026-10-24T12:00", 2)
    assert [time[:10] for time in found] == ["2026-10-25", "2026-10-26"]


@pytest.mark.parametrize("begun", ["2026-10-25T00:31", "2026-10-25T01:10"])
def test_a_refit_that_began_in_the_hour_shown_twice_is_not_repeated(begun: str) -> None:
    """The refit waited for other streams: it began at the second 02:10, after the first 02:30."""
    schedule = Schedule(expression="30 2 * * *", time_zone=BERLIN)
    assert times(schedule, begun, 1) == ["2026-10-26T01:30"]


def test_every_hour_is_every_hour_when_the_clocks_are_changed() -> None:
    schedule = Schedule(expression="0 * * * *", time_zone=BERLIN)
    hours = [f"2026-10-25T0{hour}:00" for hour in range(4)]
    assert times(schedule, "2026-10-24T23:30", 4) == hours


def test_a_part_of_the_jitter_is_as_long_as_ever_when_the_clocks_are_changed() -> None:
    late = Schedule(expression="50 2 * * *", time_zone=BERLIN, jitter=timedelta(hours=1))
    start = moment("2026-10-24T12:00")
    part = late.next_after(start - timedelta(days=1), "any") - moment("2026-10-24T00:50")
    assert late.next_after(start, "any") - moment("2026-10-25T00:50") == part


def test_each_topic_has_its_own_part_of_the_jitter_and_keeps_it() -> None:
    schedule = Schedule(expression="0 2 * * *", jitter=timedelta(minutes=10))
    start = moment("2026-01-05T12:00")
    nominal = moment("2026-01-06T02:00")
    parts = {topic: schedule.next_after(start, topic) - nominal for topic in ("a", "b", "c", "d")}
    assert all(timedelta(0) <= part < timedelta(minutes=10) for part in parts.values())
    assert len(set(parts.values())) == 4
    again = {topic: schedule.next_after(nominal + part, topic) - nominal for topic, part in parts.items()}
    assert again == {topic: part + timedelta(days=1) for topic, part in parts.items()}


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"expression": "nightly"}, "'nightly' is no cron expression"),
        ({"expression": "0 0 31 2 *"}, "is no cron expression"),
        ({"time_zone": "Mars/Olympus"}, "'Mars/Olympus' is not known here"),
        ({"time_zone": "../etc/passwd"}, "is not known here"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused(wrong: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        Schedule(**wrong)  # type: ignore[arg-type]
