"""``tfstream streams``: define, change and show streams."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.checks.inspect_topic import inspect
from tfstream.app.runtime.human_units import counted
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.shared import Json
from tfstream.cli.options.stream_options import StreamOptions
from tfstream.cli.output.printing import out, pretty_duration, print_json, print_status, print_table
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData, ConfigurationError
from tfstream.storage import streams
from tfstream.wiring import find_stream, open_database

app = typer.Typer(no_args_is_help=True, help="Define and change streams: sensors, format, alarm budget.")

TopicArgument = Annotated[str, typer.Argument(help="The sensor topic.")]

_COLUMNS = ("topic", "sensors", "interval", "layout", "encoding", "alarms/week")


@app.command()
@with_option_groups
def add(topic: TopicArgument, options: StreamOptions) -> None:
    """Define a stream.

    Without --sensors and --interval, tfstream reads the topic's newest messages and infers what is missing.
    """
    changes = options.changes() | options.budget_changes({})
    if "sensors" in changes and "interval_us" in changes:
        definition = StreamDefinition(topic=topic, **changes)
    else:
        definition = replace(_inferred(topic), **changes)
    with open_database(config.load()).begin() as connection:
        streams.add(connection, definition)
    interval = pretty_duration(definition.interval_us)
    print_status(f"stream {topic}: {counted(len(definition.sensors), 'sensor')} every {interval}")


@app.command("set")
@with_option_groups
def set_(topic: TopicArgument, options: StreamOptions) -> None:
    """Change a stream.

    New sensors go to the end of the list.
    Running processes apply the change when you restart them.
    """
    changes = options.changes()
    with open_database(config.load()).begin() as connection:
        definition = streams.get(connection, topic).definition
        _check_order(definition, changes.get("sensors", definition.sensors))
        changes |= options.budget_changes(definition.asset_budgets)
        streams.update(connection, replace(definition, **changes))
    print_status(f"stream {topic} changed: {', '.join(options.given()) or 'nothing'}")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List all streams."""
    with open_database(config.load()).begin() as connection:
        definitions = [stream.definition for stream in streams.list_all(connection)]
    if as_json:
        print_json(definitions)
        return
    rows = [
        (
            definition.topic,
            len(definition.sensors),
            pretty_duration(definition.interval_us),
            definition.layout,
            definition.encoding,
            definition.alarm_budget_per_week,
        )
        for definition in definitions
    ]
    print_table(_COLUMNS, rows, empty="no streams yet; define a stream with `tfstream streams add TOPIC`")


@app.command()
def show(topic: TopicArgument, as_json: Json = False) -> None:
    """Show the definition of a stream."""
    definition = find_stream(open_database(config.load()), topic).definition
    if as_json:
        print_json(definition)
    else:
        print_definition(definition)


def print_definition(definition: StreamDefinition) -> None:
    """Print a stream definition for people on stdout, a line for each setting."""
    lines = [
        ("topic", definition.topic),
        ("interval", pretty_duration(definition.interval_us)),
        ("format", f"{definition.layout}, {definition.encoding}"),
        ("time", f"field {definition.time_field!r}, {definition.time_unit}"),
        ("asset", f"field {definition.asset_field!r}, else the message key"),
        ("lateness", pretty_duration(definition.lateness_us)),
        ("staleness", pretty_duration(definition.staleness_rows * definition.interval_us)),
        ("alarm budget", f"{round(definition.alarm_budget_per_week, 3):g} per asset and week"),
        *_optional_lines(definition),
        ("sensors", f"{len(definition.sensors)}: {', '.join(definition.sensors)}"),
    ]
    for name, text in lines:
        out.print(f"{name:<14}{text}", soft_wrap=True)


def _optional_lines(definition: StreamDefinition) -> list[tuple[str, str]]:
    """The settings that a stream may leave to the defaults, where it does not."""
    lines = [
        ("", f"{round(budget, 3):g} a week for {asset}")
        for asset, budget in sorted(definition.asset_budgets.items())
    ]
    if definition.min_duration_us:
        lines.append(("min duration", f"{pretty_duration(definition.min_duration_us)} over the threshold"))
    if definition.schedule or definition.time_zone:
        schedule = definition.schedule or "on the trainer's schedule"
        time_zone = definition.time_zone or "the trainer's time zone"
        lines.append(("refits", f"{schedule}, in {time_zone}"))
    if definition.history_us:
        lines.append(("history", f"refits learn from the newest {pretty_duration(definition.history_us)}"))
    return lines


def _inferred(topic: str) -> StreamDefinition:
    """:raises BadData: when the topic's messages do not show its format."""
    inspection = inspect(config.load().require_kafka(), topic)
    if inspection.definition is None:
        raise BadData(
            f"the format of topic {topic} cannot be inferred: {'; '.join(inspection.problems)}; "
            f"give --sensors and --interval"
        )
    return inspection.definition


def _check_order(definition: StreamDefinition, sensors: tuple[str, ...]) -> None:
    """:raises ConfigurationError: when a sensor would change its position in the stored readings."""
    if sensors[: len(definition.sensors)] != definition.sensors:
        raise ConfigurationError(
            f"stream {definition.topic}: stored readings are in the order of its "
            f"{counted(len(definition.sensors), 'sensor')}; new sensors can only be added after them"
        )
