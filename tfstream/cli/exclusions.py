"""``tfstream exclusions``: what is not learnt from, and what is hidden."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config
from tfstream.cli.options import AnyTopic, By, Json, Topic, whoever
from tfstream.cli.output import cell, now_us, print_json, print_table, say, tell
from tfstream.cli.parse import span_of, when_us
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.pattern import matches
from tfstream.storage import anomalies, exclusions
from tfstream.storage.datetimes import to_datetime
from tfstream.storage.exclusions import ExclusionRow
from tfstream.wiring import find_stream, open_database

app = typer.Typer(
    help="Maintenance and the like: spans that are not learnt from, or whose anomalies are hidden.",
    no_args_is_help=True,
)

_SHOWN = ("id", "topic", "asset", "sensor", "from", "to", "repeats", "does", "reason")
_COMING = 3  # occurrences that are told of


@app.command()
def add(
    topic: Topic,
    begin: Annotated[
        str,
        typer.Option("--from", help="When it begins: a time by the clocks of --tz, or a span back from now."),
    ],
    end: Annotated[str | None, typer.Option("--to", help="When it ends; as --from.")] = None,
    duration: Annotated[str | None, typer.Option("--for", help="How long it lasts (90m, 8h, 2d).")] = None,
    asset: Annotated[
        str | None, typer.Option(help="Only these assets; * is any text, ? a character.")
    ] = None,
    sensor: Annotated[str | None, typer.Option(help="Only these sensors; as --asset.")] = None,
    rrule: Annotated[
        str | None, typer.Option(help="Again and again, as in iCalendar: 'FREQ=WEEKLY;BYDAY=MO,TH'.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--tz", help="Whose clocks it goes by; if not given, the stream's, or UTC.")
    ] = None,
    hide: Annotated[bool, typer.Option("--hide", help="Only hide anomalies.")] = False,
    no_learn: Annotated[bool, typer.Option("--no-learn", help="Only keep it from being learnt.")] = False,
    reason: Annotated[str | None, typer.Option(help="Shown beside what it hides.")] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Leave a span out, once or again and again; it may be in the past, and hides its anomalies then, too."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    zone = time_zone or stream.definition.time_zone or "UTC"
    given = Exclusion(
        first=span_of(begin, end, duration, zone),
        asset=asset,
        sensor=sensor,
        rule=rrule,
        time_zone=zone,
        hide=hide or not no_learn,
        no_learn=no_learn or not hide,
    )
    with database.begin() as connection:
        before = anomalies.count_hidden(connection, stream.id)
        made = exclusions.add(
            connection, stream.id, given, reason=reason, by=by or whoever(), now_us=now_us()
        )
        found = exclusions.get(connection, made)
        hidden = anomalies.count_hidden(connection, stream.id) - before
    if as_json:
        print_json(found)
        return
    say(f"exclusion {made}: {_when(given)}" + (f"; {_hidden(hidden)}" if given.hide else ""))
    if sensor is not None and not any(matches(sensor, name) for name in stream.definition.sensors):
        tell("note:", "yellow", f"no sensor of {topic} is called {sensor!r}: it leaves nothing out so far")


@app.command("list")
def list_(
    topic: AnyTopic = None,
    every: Annotated[bool, typer.Option("--all", help="Those that were removed, too.")] = False,
    as_json: Json = False,
) -> None:
    """Exclusions in the order in which they begin; times are UTC."""
    with open_database(config.load()).begin() as connection:
        found = exclusions.list_all(connection, topic=topic, removed=every)
    if as_json:
        print_json(found)
        return
    shown = [name for name in _SHOWN if name != "topic" or topic is None]
    rows = [[_cells(row)[name] for name in shown] for row in found]
    print_table(shown, rows, empty="no exclusions")


@app.command()
def remove(
    exclusion: Annotated[int, typer.Argument(help="Its id.")],
    begin: Annotated[
        str | None, typer.Option("--from", help="Only what of it lies from here on; 'now' ends it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take an exclusion back: what it hid is shown again, what it kept from being learnt is learnt."""
    with open_database(config.load()).begin() as connection:
        zone = exclusions.get(connection, exclusion).time_zone
        found = exclusions.remove(connection, exclusion, when_us(begin, zone) if begin else None)
    if as_json:
        print_json(found)
        return
    assert found.removed_from is not None
    say(f"exclusion {exclusion} is removed" + (f" from {cell(found.removed_from)} on" if begin else ""))


def _hidden(number: int) -> str:
    """How many anomalies of the history went out of sight."""
    went = "anomaly of the history is" if number == 1 else "anomalies of the history are"
    return f"{number} more {went} hidden"


def _cells(row: ExclusionRow) -> dict[str, object]:
    does = " and ".join(["hide"] * row.hide + ["no-learn"] * row.no_learn)
    return {
        "id": row.id,
        "topic": row.topic,
        "asset": row.asset or "all",
        "sensor": row.sensor_pattern or "all",
        "from": row.starts_at,
        "to": row.ends_at,
        "repeats": f"{row.rrule} ({row.time_zone})" if row.rrule else "-",
        "does": _removed(row) if row.removed_from else does,
        "reason": row.reason,
    }


def _removed(row: ExclusionRow) -> str:
    """Since when it does nothing: from an occurrence on, or as if it had never been."""
    whole = row.removed_from is not None and row.removed_from <= row.starts_at
    return "removed" if whole else f"removed from {cell(row.removed_from)} on"


def _when(given: Exclusion) -> str:
    """The only occurrence, or the first ones."""
    spans = given.first_occurrences(_COMING)
    told = ", ".join(f"{cell(to_datetime(start))} to {cell(to_datetime(end))}" for start, end in spans)
    return f"{told} and so on, UTC" if len(spans) == _COMING else f"{told} UTC"
