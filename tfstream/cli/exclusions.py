"""``tfstream exclusions``: spans that refits leave out or whose anomalies are hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from tfstream import config
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.parse import now_us, of_option, parse_local_time_us, parse_span
from tfstream.cli.options.shared import AnyTopic, By, Json, Topic, login_name
from tfstream.cli.output.printing import cell, print_json, print_note, print_status, print_table
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.pattern import matches
from tfstream.core.stream import StreamDefinition
from tfstream.storage import anomalies, exclusions, streams
from tfstream.storage.datetimes import to_datetime
from tfstream.storage.exclusions import ExclusionRow
from tfstream.wiring import find_stream, open_database

app = typer.Typer(
    no_args_is_help=True, help="Exclude maintenance: leave spans out of refits, hide their anomalies."
)

_COLUMNS = ("id", "topic", "asset", "sensor", "from", "to", "repeats", "does", "reason")
_SHOWN_OCCURRENCES = 3

Begin = Annotated[
    str,
    typer.Option(
        "--from", help="Start: now, 2026-03-02T08:00 in the time zone --tz, or a duration back from now (2h)."
    ),
]
End = Annotated[str | None, typer.Option("--to", help="End, written like --from.")]
Duration = Annotated[str | None, typer.Option("--for", help="Duration, instead of --to: 90m, 8h, 2d.")]
AssetPattern = Annotated[
    str | None,
    typer.Option(
        "--asset", help="Pattern of assets: * is any text, ? any single character; without it, all assets."
    ),
]
SensorPattern = Annotated[
    str | None,
    typer.Option("--sensor", help="Pattern of sensors, written like --asset; without it, all sensors."),
]
Rule = Annotated[
    str | None,
    typer.Option("--rrule", help="Repeat by an iCalendar rule: 'FREQ=WEEKLY;BYDAY=MO,TH'; without it, once."),
]
Zone = Annotated[
    str | None,
    typer.Option("--tz", help="Time zone: Europe/Berlin; without it, the stream's time zone, else UTC."),
]
Hide = Annotated[
    bool, typer.Option("--hide", help="Only hide anomalies. With neither --hide nor --no-learn: both.")
]
NoLearn = Annotated[bool, typer.Option("--no-learn", help="Only leave the readings out of refits.")]
Reason = Annotated[str | None, typer.Option(help="Reason to show beside the hidden anomalies.")]
WithRemoved = Annotated[bool, typer.Option("--all", help="Also exclusions that were removed.")]
ExclusionId = Annotated[int, typer.Argument(help="Id of the exclusion; `exclusions list` shows the ids.")]
RemovedFrom = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Remove only occurrences from this time on; 'now' ends the exclusion. Without it, remove all.",
    ),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExclusionOptions:
    """When an exclusion is, what it covers and what it does."""

    begin: Begin
    end: End = None
    duration: Duration = None
    asset: AssetPattern = None
    sensor: SensorPattern = None
    rule: Rule = None
    zone: Zone = None
    hide: Hide = False
    no_learn: NoLearn = False

    def exclusion(self, definition: StreamDefinition) -> Exclusion:
        """:raises UsageError: when a text cannot be read, or the span is empty."""
        zone = self.zone or definition.time_zone or "UTC"
        return Exclusion(
            first=parse_span(self.begin, self.end, self.duration, zone),
            asset=self.asset,
            sensor=self.sensor,
            rule=self.rule,
            time_zone=zone,
            hide=self.hide or not self.no_learn,
            no_learn=self.no_learn or not self.hide,
        )


@app.command()
@with_option_groups
def add(
    topic: Topic, options: ExclusionOptions, reason: Reason = None, by: By = None, as_json: Json = False
) -> None:
    """Exclude a span, once or repeatedly.

    Refits leave out its readings, and its anomalies are hidden; --hide and --no-learn select one of the two.
    The span may lie in the past: earlier anomalies are then hidden too.
    """
    database = open_database(config.load())
    stream = find_stream(database, topic)
    exclusion = options.exclusion(stream.definition)
    with database.begin() as connection:
        before = anomalies.count_hidden(connection, stream.id)
        number = exclusions.add(
            connection, stream.id, exclusion, reason=reason, by=by or login_name(), now_us=now_us()
        )
        row = exclusions.get(connection, number)
        hidden = anomalies.count_hidden(connection, stream.id) - before
    if as_json:
        print_json(row)
        return
    text = f"exclusion {number}: {_occurrences(exclusion)}"
    print_status(f"{text}; {_hidden(hidden)}" if exclusion.hide else text)
    sensor = exclusion.sensor
    if sensor is not None and not any(matches(sensor, name) for name in stream.definition.sensors):
        print_note(f"no sensor of {topic} matches {sensor!r}: the exclusion covers no sensor so far")


@app.command("list")
def list_(topic: AnyTopic = None, with_removed: WithRemoved = False, as_json: Json = False) -> None:
    """List exclusions by their start; times are UTC."""
    with open_database(config.load()).begin() as connection:
        streams.require(connection, topic)
        rows = exclusions.list_all(connection, topic=topic, removed=with_removed)
    if as_json:
        print_json(rows)
        return
    columns = [name for name in _COLUMNS if name != "topic" or topic is None]
    print_table(columns, [[_cells(row)[name] for name in columns] for row in rows], empty="no exclusions")


@app.command()
def remove(exclusion: ExclusionId, removed_from: RemovedFrom = None, as_json: Json = False) -> None:
    """Remove an exclusion, or its later occurrences.

    Its anomalies are shown again, and later refits learn from its readings.
    """
    with open_database(config.load()).begin() as connection:
        zone = exclusions.get(connection, exclusion).time_zone
        from_us = of_option("--from", parse_local_time_us, removed_from, zone) if removed_from else None
        row = exclusions.remove(connection, exclusion, from_us)
    if as_json:
        print_json(row)
        return
    assert row.removed_from is not None
    since = f" from {cell(row.removed_from)} on" if removed_from else ""
    print_status(f"exclusion {exclusion} is removed{since}")


def _hidden(number: int) -> str:
    """How many more stored anomalies are hidden now."""
    subject = "stored anomaly is" if number == 1 else "stored anomalies are"
    return f"{number} more {subject} hidden"


def _cells(row: ExclusionRow) -> dict[str, object]:
    effects = " and ".join(["hide"] * row.hide + ["no-learn"] * row.no_learn)
    return {
        "id": row.id,
        "topic": row.topic,
        "asset": row.asset or "all",
        "sensor": row.sensor_pattern or "all",
        "from": row.starts_at,
        "to": row.ends_at,
        "repeats": f"{row.rrule} ({row.time_zone})" if row.rrule else "-",
        "does": _removal(row) if row.removed_from else effects,
        "reason": row.reason,
    }


def _removal(row: ExclusionRow) -> str:
    """Whether all occurrences are removed, or those from a time on."""
    whole = row.removed_from is not None and row.removed_from <= row.starts_at
    return "removed" if whole else f"removed from {cell(row.removed_from)} on"


def _occurrences(exclusion: Exclusion) -> str:
    """The only occurrence, or the first occurrences, in UTC."""
    spans = exclusion.first_occurrences(_SHOWN_OCCURRENCES)
    text = ", ".join(f"{cell(to_datetime(start))} to {cell(to_datetime(end))}" for start, end in spans)
    return f"{text} and so on, UTC" if len(spans) == _SHOWN_OCCURRENCES else f"{text} UTC"
