"""A stream's definition: its topic, its sensors, and how to read its messages and its time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

import msgspec

from tfstream.errors import ConfigurationError

MICROSECONDS = 1_000_000
WEEK_US = 7 * 24 * 3600 * MICROSECONDS


class Layout(StrEnum):
    """Where one message holds its sensors."""

    FLAT = "flat"  # {"ts", "asset", "<sensor>": 1.2, …}
    NESTED = "nested"  # {"ts", "asset", "values": {…} or […]}
    LONG = "long"  # {"ts", "asset", "sensor", "value"}


class Encoding(StrEnum):
    """The format of one message."""

    JSON = "json"
    MSGPACK = "msgpack"


class TimeUnit(StrEnum):
    """How to read the time field; AUTO infers the unit from the number's magnitude."""

    AUTO = "auto"
    ISO = "iso"
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    RECORD = "record"  # the Kafka record's own timestamp


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamDefinition:
    """A sensor topic as tfstream reads it. All durations are in microseconds of event time."""

    topic: str
    sensors: tuple[str, ...]
    interval_us: int
    layout: Layout = Layout.FLAT
    encoding: Encoding = Encoding.JSON
    time_field: str = "ts"
    time_unit: TimeUnit = TimeUnit.AUTO
    asset_field: str = "asset"  # in a message without it the record's key names the asset
    lateness_us: int = 0  # how far a reading may arrive behind the asset's largest time
    max_staleness_us: int = 0  # how long a missing cell keeps its last value; 0: five intervals
    max_ahead_us: int = 3600 * MICROSECONDS  # a time further ahead of the record's own becomes a dead letter
    alarm_budget_per_week: float = 1.0  # false alarms an asset may raise in a week
    asset_budgets: dict[str, float] = field(default_factory=dict)  # of assets with a budget of their own
    min_duration_us: int = 0  # how long a score must exceed the threshold before an episode opens
    schedule: str = ""  # when to refit, as in crontab; "": the trainer's own schedule
    time_zone: str = ""  # of the schedule and of the season, an IANA name
    history_us: int = 0  # the span of newest readings that a refit uses; 0: the trainer's own

    def __post_init__(self) -> None:
        if not self.topic:
            raise ConfigurationError("a stream needs the name of its topic")
        if not self.sensors:
            raise ConfigurationError(f"stream {self.topic} has no sensors; name at least one")
        names = self._field_names()
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(f"stream {self.topic} uses the field name {twice!r} twice")
        if self.interval_us <= 0:
            raise ConfigurationError(f"stream {self.topic}: the sampling interval must be above zero")
        if min(self._durations_us()) < 0:
            raise ConfigurationError(f"stream {self.topic}: a duration cannot be negative")
        budgets = (self.alarm_budget_per_week, *self.asset_budgets.values())
        if not all(0 < budget < math.inf for budget in budgets):
            raise ConfigurationError(f"stream {self.topic}: the alarm budget must be a number above zero")

    def _durations_us(self) -> tuple[int, ...]:
        return (
            self.lateness_us,
            self.max_staleness_us,
            self.max_ahead_us,
            self.min_duration_us,
            self.history_us,
        )

    def _field_names(self) -> tuple[str, ...]:
        """All names that must differ: the decoder's field names and, in every layout, the sensors."""
        body = {Layout.FLAT: self.sensors, Layout.NESTED: ("values",), Layout.LONG: ("sensor", "value")}
        head = (self.time_field, self.asset_field)
        if len(set(self.sensors)) != len(self.sensors):
            return self.sensors
        return head + body[self.layout]

    def budget_of(self, asset: str) -> float:
        """The asset's budget: false alarms per week."""
        return self.asset_budgets.get(asset, self.alarm_budget_per_week)

    @property
    def staleness_rows(self) -> int:
        """For how many grid rows a missing cell keeps its last value."""
        return self.max_staleness_us // self.interval_us if self.max_staleness_us else 5

    @property
    def rows_per_week(self) -> float:
        return WEEK_US / self.interval_us

    @property
    def sensors_sha256(self) -> str:
        """Identifies the ordered sensor list: a model belongs to exactly one."""
        return sensors_sha256(self.sensors)

    def with_sensors(self, sensors: tuple[str, ...]) -> StreamDefinition:
        return replace(self, sensors=sensors)

    def to_json(self) -> bytes:
        return msgspec.json.encode(asdict(self))

    @classmethod
    def from_json(cls, text: bytes | str) -> StreamDefinition:
        return msgspec.json.decode(text, type=cls)


def sensors_sha256(sensors: Iterable[str]) -> str:
    """The hash of an ordered list of sensors."""
    return hashlib.sha256("\n".join(sensors).encode()).hexdigest()
