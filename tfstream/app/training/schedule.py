"""When a stream is refitted: at times of a cron expression in its time zone, plus its share of the jitter."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from tfstream.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """``expression`` as in crontab, by the clocks of ``time_zone``, an IANA name.

    When the clocks are changed, a skipped time runs right after the change and a repeated time runs once, as
    in Debian's cron.

    :raises ConfigurationError: when the expression or the time zone cannot be read, or no time matches the
        expression.
    """

    expression: str = "0 2 * * *"
    time_zone: str = "UTC"
    jitter: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        try:
            CronSim(self.expression, datetime(2026, 1, 1, tzinfo=self._zone()))
        except CronSimError as error:
            raise ConfigurationError(
                f"the schedule {self.expression!r} is no cron expression ({error}); for example, "
                f"'0 2 * * *' is 02:00 daily"
            ) from None

    def next_after(self, moment: datetime, topic: str) -> datetime:
        """The first time after ``moment``, delayed by the topic's share of the jitter.

        The share depends on the topic alone: many streams do not start at once, and each stream starts at
        the same time every day.
        """
        share = zlib.crc32(topic.encode()) / 2**32
        zone = self._zone()
        # in UTC: Python compares and adds local times wrongly in the hour that the clocks show twice
        times = (time.astimezone(UTC) for time in CronSim(self.expression, moment.astimezone(zone)))
        return (next(time for time in times if time > moment) + share * self.jitter).astimezone(zone)

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.time_zone)
        except (
            LookupError,
            ValueError,
            OSError,
        ):  # OSError: the name is a folder of zones
            raise ConfigurationError(
                f"the time zone {self.time_zone!r} is not known here; "
                f"Europe/Berlin and UTC are examples of names"
            ) from None
