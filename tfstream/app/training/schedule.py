"""When a stream is to be refitted: a cron expression in its own time zone, and a part of the jitter."""

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

    A time that the clocks skip is made up for, and one that they show twice counts once, as in Debian's cron.

    :raises ConfigurationError: when one of them cannot be read, or the expression never comes true.
    """

    expression: str = "0 2 * * *"
    time_zone: str = "UTC"
    jitter: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        try:
            CronSim(self.expression, datetime(2026, 1, 1, tzinfo=self._zone()))
        except CronSimError as error:
            raise ConfigurationError(
                f"the schedule {self.expression!r} is no cron expression ({error}); "
                f"'0 2 * * *' is 02:00 daily"
            ) from None

    def next_after(self, moment: datetime, topic: str) -> datetime:
        """The first time after ``moment``, put off by the topic's own part of the jitter.

        The part is always the same for a topic: many streams do not all begin at once, and each of them
        begins when it did the day before.
        """
        part = zlib.crc32(topic.encode()) / 2**32
        here = self._zone()
        # in UTC: by the clocks of a zone, the second of two equal times is neither compared nor added to
        times = (one.astimezone(UTC) for one in CronSim(self.expression, moment.astimezone(here)))
        return (next(one for one in times if one > moment) + part * self.jitter).astimezone(here)

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.time_zone)
        except (LookupError, ValueError, OSError):  # a folder of zones, a path out of it
            raise ConfigurationError(
                f"the time zone {self.time_zone!r} is not known here; "
                f"Europe/Berlin and UTC are names of zones"
            ) from None
