"""The options that define a stream, for ``tfstream streams add`` and ``set``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar

import typer

from tfstream.app.training.schedule import Schedule
from tfstream.cli.options.parse import of_option, parse_alarm_budget, parse_asset_budgets, parse_duration_us
from tfstream.core.stream import Encoding, Layout, TimeUnit
from tfstream.errors import UsageError

Parsed = TypeVar("Parsed")

_READINGS, _FORMAT, _ALARMS, _REFITS = "Readings", "Message format", "Alarms", "Refits"


def _option(panel: str, text: str) -> Any:
    return typer.Option(help=text, rich_help_panel=panel)


Sensors = Annotated[str | None, _option(_READINGS, "Sensor names in their order, separated by commas.")]
Interval = Annotated[str | None, _option(_READINGS, "Sampling interval of an asset: 500ms, 1s, 1m.")]
Lateness = Annotated[
    str | None,
    _option(
        _READINGS,
        "How far a reading may lie behind the newest reading of its asset and still be scored; a new stream "
        "has 0s.",
    ),
]
MaxStaleness = Annotated[
    str | None,
    _option(
        _READINGS, "How long a missing value is filled with the sensor's last value; 0s: five intervals."
    ),
]
MaxAhead = Annotated[
    str | None,
    _option(
        _READINGS,
        "How far a reading's time may lie ahead of its record's time; readings further ahead are dead "
        "letters. A new stream has 1h.",
    ),
]
AlarmBudget = Annotated[
    str | None,
    _option(
        _ALARMS,
        "False alarms allowed for each asset: 1/week, 2/month, 0.5/day; a new stream has 1/week.",
    ),
]
AssetBudget = Annotated[
    list[str] | None,
    _option(
        _ALARMS,
        "Alarm budget of a single asset: pump-7=1/month; 'pump-7=' removes it. May be given several times.",
    ),
]
MinDuration = Annotated[
    str | None,
    _option(
        _ALARMS,
        "How long a score must stay above the threshold before an alarm opens; a new stream has 0s.",
    ),
]
CronExpression = Annotated[
    str | None, _option(_REFITS, "When to refit: a cron expression; '' uses the trainer's --schedule.")
]
TimeZone = Annotated[
    str | None,
    _option(
        _REFITS,
        "Time zone of the schedule, of the stream's exclusions, and of its hours of the day and of the week: "
        "Europe/Berlin; '' uses the trainer's --time-zone for the schedule, and UTC for the rest.",
    ),
]
History = Annotated[
    str | None,
    _option(
        _REFITS, "Span of the newest readings that a refit learns from: 30d; 0s uses the trainer's --history."
    ),
]
LayoutOption = Annotated[
    Layout | None,
    _option(
        _FORMAT,
        "Where a message holds its values: a field for each sensor (flat), in the field 'values' (nested), "
        "or one sensor per message (long).",
    ),
]
EncodingOption = Annotated[Encoding | None, _option(_FORMAT, "Encoding of a message.")]
TimeField = Annotated[
    str | None, _option(_FORMAT, "Field that holds the time; if neither given nor inferred, ts.")
]
TimeUnitOption = Annotated[
    TimeUnit | None,
    _option(
        _FORMAT,
        "Unit of the time field; auto infers it from each value, record uses the Kafka record's time.",
    ),
]
AssetField = Annotated[
    str | None,
    _option(
        _FORMAT,
        "Field that names the asset; a message without it belongs to the asset that its key names.",
    ),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamOptions:
    """The fields of a stream definition as texts; None where the option is not given."""

    sensors: Sensors = None
    interval: Interval = None
    lateness: Lateness = None
    max_staleness: MaxStaleness = None
    max_ahead: MaxAhead = None
    layout: LayoutOption = None
    encoding: EncodingOption = None
    time_field: TimeField = None
    time_unit: TimeUnitOption = None
    asset_field: AssetField = None
    alarm_budget: AlarmBudget = None
    asset_budget: AssetBudget = None
    min_duration: MinDuration = None
    schedule: CronExpression = None
    time_zone: TimeZone = None
    history: History = None

    def given(self) -> list[str]:
        """The settings that the command line changes, by the words of their options, sorted."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return sorted(name.replace("_", " ") for name, value in values.items() if value not in (None, []))

    def changes(self) -> dict[str, Any]:
        """The given options as fields of a stream definition, without the asset budgets.

        :raises UsageError: when a text cannot be read.
        :raises ConfigurationError: when the schedule or its time zone cannot be read.
        """
        Schedule(expression=self.schedule or "0 2 * * *", time_zone=self.time_zone or "UTC")
        changed = {
            "sensors": None if self.sensors is None else _parse_sensors(self.sensors),
            "interval_us": _parsed("--interval", parse_duration_us, self.interval),
            "lateness_us": _parsed("--lateness", parse_duration_us, self.lateness),
            "max_staleness_us": _parsed("--max-staleness", parse_duration_us, self.max_staleness),
            "max_ahead_us": _parsed("--max-ahead", parse_duration_us, self.max_ahead),
            "alarm_budget_per_week": _parsed("--alarm-budget", parse_alarm_budget, self.alarm_budget or None),
            "min_duration_us": _parsed("--min-duration", parse_duration_us, self.min_duration),
            "schedule": self.schedule,
            "time_zone": self.time_zone,
            "history_us": _parsed("--history", parse_duration_us, self.history),
            "layout": self.layout,
            "encoding": self.encoding,
            "time_field": self.time_field,
            "time_unit": self.time_unit,
            "asset_field": self.asset_field,
        }
        return {name: value for name, value in changed.items() if value is not None}

    def budget_changes(self, before: Mapping[str, float]) -> dict[str, Any]:
        """The asset budgets ``before`` with those of the options; empty where no option is given.

        :raises UsageError: when a text cannot be read.
        """
        if not self.asset_budget:
            return {}
        return {"asset_budgets": parse_asset_budgets(self.asset_budget, before)}


def _parsed(option: str, parse: Callable[[str], Parsed], text: str | None) -> Parsed | None:
    return None if text is None else of_option(option, parse, text)


def _parse_sensors(text: str) -> tuple[str, ...]:
    """:raises UsageError: when a name is empty."""
    names = tuple(name.strip() for name in text.split(","))
    if "" in names:
        raise UsageError(f"--sensors {text!r} has a sensor without a name")
    return names
