"""``tfstream streams``: what a topic holds and how it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from tfstream import config
from tfstream.app.checks.inspect_topic import inspect
from tfstream.app.training.schedule import Schedule
from tfstream.cli.budgets import of_assets, per_week
from tfstream.cli.options import Json
from tfstream.cli.output import duration_us, out, pretty_duration, print_json, print_table, say
from tfstream.core.stream import Encoding, Layout, StreamDefinition, TimeUnit
from tfstream.errors import BadData, ConfigurationError, UsageError
from tfstream.storage import streams
from tfstream.wiring import find_stream, open_database

app = typer.Typer(
    help="Stream definitions: sensors, interval, format, lateness, alarm budget.", no_args_is_help=True
)

Sensors = Annotated[str | None, typer.Option(help="Sensor names, separated by commas, in order.")]
Interval = Annotated[str | None, typer.Option(help="Sampling interval: 500ms, 1s, 1m …")]
Lateness = Annotated[
    str | None, typer.Option(help="How far behind its asset's newest reading one may arrive.")
]
Staleness = Annotated[str | None, typer.Option(help="How long a missing cell keeps its last value.")]
Ahead = Annotated[str | None, typer.Option(help="Readings further in the future are dead letters.")]
Budget = Annotated[str | None, typer.Option(help="False alarms an asset may raise: 1/week, 2/month …")]
OwnBudget = Annotated[
    list[str] | None,
    typer.Option(help="ASSET=1/month: a budget of its own; may be given several times; ASSET= ends it."),
]
Duration = Annotated[
    str | None, typer.Option(help="How long a score must stand over the threshold to be an anomaly.")
]
CronSchedule = Annotated[
    str | None, typer.Option(help="When to refit: a cron expression; '' leaves it to the trainer.")
]
TimeZone = Annotated[
    str | None, typer.Option(help="Whose clocks the schedule goes by: Europe/Berlin; '' for the trainer's.")
]
History = Annotated[
    str | None, typer.Option(help="How much of the newest readings to refit on; 0s leaves it to the trainer.")
]
LayoutOption = Annotated[Layout | None, typer.Option(help="How sensors stand in a message.")]
EncodingOption = Annotated[Encoding | None, typer.Option(help="How a message is written.")]
TimeField = Annotated[str | None, typer.Option(help="The field that holds the time.")]
TimeUnitOption = Annotated[TimeUnit | None, typer.Option(help="How the time field is read.")]
AssetField = Annotated[str | None, typer.Option(help="The field that names the asset.")]


@app.command()
def add(
    topic: Annotated[str, typer.Argument(help="The sensor topic.")],
    sensors: Sensors = None,
    interval: Interval = None,
    lateness: Lateness = None,
    max_staleness: Staleness = None,
    max_ahead: Ahead = None,
    alarm_budget: Budget = None,
    asset_budget: OwnBudget = None,
    min_duration: Duration = None,
    schedule: CronSchedule = None,
    time_zone: TimeZone = None,
    history: History = None,
    layout: LayoutOption = None,
    encoding: EncodingOption = None,
    time_field: TimeField = None,
    time_unit: TimeUnitOption = None,
    asset_field: AssetField = None,
) -> None:
    """Define a stream. What is not given is found by looking at the topic."""
    changes = _changes(
        sensors=sensors,
        interval_us=interval,
        lateness_us=lateness,
        max_staleness_us=max_staleness,
        max_ahead_us=max_ahead,
        alarm_budget_per_week=per_week(alarm_budget) if alarm_budget else None,
        min_duration_us=min_duration,
        schedule=schedule,
        time_zone=time_zone,
        history_us=history,
        layout=layout,
        encoding=encoding,
        time_field=time_field,
        time_unit=time_unit,
        asset_field=asset_field,
        asset_budgets=of_assets(asset_budget, {}) if asset_budget else None,
    )
    if "sensors" in changes and "interval_us" in changes:
        definition = StreamDefinition(topic=topic, **changes)
    else:
        definition = replace(_looked_at(topic), **changes)
    with open_database(config.load()).begin() as connection:
        streams.add(connection, definition)
    say(f"stream {topic}: {len(definition.sensors)} sensors every {pretty_duration(definition.interval_us)}")


@app.command("set")
def set_(
    topic: Annotated[str, typer.Argument(help="The sensor topic.")],
    sensors: Sensors = None,
    interval: Interval = None,
    lateness: Lateness = None,
    max_staleness: Staleness = None,
    max_ahead: Ahead = None,
    alarm_budget: Budget = None,
    asset_budget: OwnBudget = None,
    min_duration: Duration = None,
    schedule: CronSchedule = None,
    time_zone: TimeZone = None,
    history: History = None,
    layout: LayoutOption = None,
    encoding: EncodingOption = None,
    time_field: TimeField = None,
    time_unit: TimeUnitOption = None,
    asset_field: AssetField = None,
) -> None:
    """Change a stream. New sensors go to the end of the list; running processes take it up when restarted."""
    changes = _changes(
        sensors=sensors,
        interval_us=interval,
        lateness_us=lateness,
        max_staleness_us=max_staleness,
        max_ahead_us=max_ahead,
        alarm_budget_per_week=per_week(alarm_budget) if alarm_budget else None,
        min_duration_us=min_duration,
        schedule=schedule,
        time_zone=time_zone,
        history_us=history,
        layout=layout,
        encoding=encoding,
        time_field=time_field,
        time_unit=time_unit,
        asset_field=asset_field,
    )
    with open_database(config.load()).begin() as connection:
        definition = streams.get(connection, topic).definition
        _check_order(definition, changes.get("sensors", definition.sensors))
        if asset_budget:
            changes["asset_budgets"] = of_assets(asset_budget, definition.asset_budgets)
        streams.update(connection, replace(definition, **changes))
    say(f"stream {topic} changed: {', '.join(sorted(changes)) or 'nothing'}")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """All streams."""
    with open_database(config.load()).begin() as connection:
        found = [stream.definition for stream in streams.list_all(connection)]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one.topic,
            len(one.sensors),
            pretty_duration(one.interval_us),
            one.layout,
            one.encoding,
            one.alarm_budget_per_week,
        )
        for one in found
    ]
    columns = ("topic", "sensors", "interval", "layout", "encoding", "alarms/week")
    print_table(columns, rows, empty="no streams yet; make one with `tfstream streams add TOPIC`")


@app.command()
def show(topic: Annotated[str, typer.Argument(help="The sensor topic.")], as_json: Json = False) -> None:
    """One stream, whole."""
    definition = find_stream(open_database(config.load()), topic).definition
    if as_json:
        print_json(definition)
    else:
        show_definition(definition)


def show_definition(definition: StreamDefinition) -> None:
    """A definition as people read it."""
    out.print(f"topic         {definition.topic}")
    out.print(f"interval      {pretty_duration(definition.interval_us)}")
    out.print(f"format        {definition.layout}, {definition.encoding}")
    out.print(f"time          field {definition.time_field!r}, {definition.time_unit}")
    out.print(f"asset         field {definition.asset_field!r}, else the message key")
    out.print(f"lateness      {pretty_duration(definition.lateness_us)}")
    out.print(f"staleness     {pretty_duration(definition.staleness_rows * definition.interval_us)}")
    out.print(f"alarm budget  {round(definition.alarm_budget_per_week, 3):g} per asset and week")
    for asset, budget in sorted(definition.asset_budgets.items()):
        out.print(f"              {round(budget, 3):g} a week for {asset}", soft_wrap=True)
    if definition.min_duration_us:
        out.print(f"min duration  {pretty_duration(definition.min_duration_us)} over the threshold")
    if definition.schedule or definition.time_zone:
        out.print(f"refitted      {definition.schedule or 'as the trainer is told'}, {_clocks(definition)}")
    if definition.history_us:
        out.print(
            f"history       {pretty_duration(definition.history_us)} of the newest readings are learnt from"
        )
    out.print(f"sensors       {len(definition.sensors)}: {', '.join(definition.sensors)}", soft_wrap=True)


def _clocks(definition: StreamDefinition) -> str:
    return f"by the clocks of {definition.time_zone}" if definition.time_zone else "by the trainer's clocks"


def _looked_at(topic: str) -> StreamDefinition:
    found = inspect(config.load().require_kafka(), topic)
    if found.definition is None:
        raise BadData(
            f"topic {topic} cannot be understood: {'; '.join(found.problems)}; give --sensors and --interval"
        )
    return found.definition


def _check_order(definition: StreamDefinition, sensors: tuple[str, ...]) -> None:
    """:raises ConfigurationError: when a sensor would lose its place in the stored readings."""
    if sensors[: len(definition.sensors)] != definition.sensors:
        raise ConfigurationError(
            f"stream {definition.topic}: stored readings are in the order of its "
            f"{len(definition.sensors)} sensors; new ones can only be added after them"
        )


def _check_schedule(expression: str | None, time_zone: str | None) -> None:
    """:raises ConfigurationError: when the trainer could not go by it."""
    Schedule(expression=expression or "0 2 * * *", time_zone=time_zone or "UTC")


def _names(listed: str) -> tuple[str, ...]:
    """:raises UsageError: when a name is empty."""
    names = tuple(name.strip() for name in listed.split(","))
    if "" in names:
        raise UsageError(f"--sensors {listed!r} has a sensor without a name")
    return names


def _changes(**given: Any) -> dict[str, Any]:
    """The options that were given, as fields of a definition."""
    changes = {name: value for name, value in given.items() if value is not None}
    for name, value in changes.items():
        if name.endswith("_us"):
            changes[name] = duration_us(value)
    _check_schedule(changes.get("schedule"), changes.get("time_zone"))
    if "sensors" in changes:
        changes["sensors"] = _names(changes["sensors"])
    return changes
