"""``tfstream inspect``, ``replay`` and ``load``: topics and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.checks import inspect_topic as inspections
from tfstream.app.files import replay as replays
from tfstream.app.files import sensor_table
from tfstream.app.files.load import load as load_table
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.cli.options import Json, Topic
from tfstream.cli.output import cell, out, pretty_duration, print_json, say, stages, tell
from tfstream.cli.streams import show_definition
from tfstream.storage import streams
from tfstream.wiring import find_stream, open_database

File = Annotated[Path, typer.Argument(help="A CSV or Parquet file.", show_default=False)]
TimeColumn = Annotated[str | None, typer.Option(help="The column that holds the time.")]
AssetColumn = Annotated[str | None, typer.Option(help="The column that names the asset.")]
Asset = Annotated[str | None, typer.Option(help="The asset, when no column names it; else the file's name.")]
Ignore = Annotated[
    list[str] | None, typer.Option(help="A column that is no sensor; may be given several times.")
]
Rows = Annotated[int | None, typer.Option(help="Only the first so many rows.", min=1)]


def inspect(
    topic: Topic,
    save: Annotated[bool, typer.Option("--save", help="Store the definition that it would make.")] = False,
    as_json: Json = False,
) -> None:
    """Sample a topic: format, sensors, assets, interval, problems, and the definition they would make."""
    settings = config.load()
    found = inspections.inspect(settings.require_kafka(), topic)
    if as_json:
        print_json(found)
    elif found.definition is not None:
        show_definition(found.definition)
        assets = f"{len(found.assets)} in the newest {found.sampled} messages"
        out.print(f"assets        {assets}: {', '.join(found.assets[:20])}", soft_wrap=True)
    for problem in found.problems:
        tell("problem:", "yellow", problem)
    if save and found.definition is not None:
        with open_database(settings).begin() as connection:
            streams.add(connection, found.definition)
        say(f"stream {topic} saved")


def load(
    file: File,
    topic: Topic,
    time_column: TimeColumn = None,
    asset_column: AssetColumn = None,
    asset: Asset = None,
    ignore: Ignore = None,
    rows: Rows = None,
    as_json: Json = False,
) -> None:
    """Fill Postgres straight from a file; an unknown stream is defined from its columns."""
    database = open_database(config.load())
    table = _table(file, time_column, asset_column, asset, ignore, rows)
    with stages(f"load {file.name}") as report:
        result = load_table(database, table, topic, progress=lambda done: report("write", done))
    if as_json:
        print_json(result)
        return
    if result.created_stream:
        definition = find_stream(database, topic).definition
        say(
            f"stream {topic} was unknown and is now defined from the file: {len(definition.sensors)} sensors "
            f"every {pretty_duration(definition.interval_us)}"
        )
    say(f"{result.rows} rows of {cell(result.assets)} assets loaded")


def replay(
    file: File,
    topic: Topic,
    speed: Annotated[
        float | None, typer.Option(help="So many times real time; else as fast as it goes.", min=0)
    ] = None,
    partitions: Annotated[int, typer.Option(help="Partitions, should the topic have to be made.", min=1)] = 3,
    time_column: TimeColumn = None,
    asset_column: AssetColumn = None,
    asset: Asset = None,
    ignore: Ignore = None,
    rows: Rows = None,
    as_json: Json = False,
) -> None:
    """Send a file to Kafka, in the stream's format and in the order of time."""
    settings = config.load()
    definition = find_stream(open_database(settings), topic).definition
    table = _table(file, time_column, asset_column, asset, ignore, rows)
    with until_signalled() as stop, stages(f"replay {file.name}") as report:
        sent = replays.replay(
            settings.require_kafka(),
            table,
            definition,
            speed=speed or None,
            partitions=partitions,
            progress=lambda done: report("send", done),
            stop=stop,
        )
    if as_json:
        print_json({"topic": topic, "messages": sent})
    else:
        say(f"{sent} messages sent to {topic}")


def _table(
    file: Path,
    time_column: str | None,
    asset_column: str | None,
    asset: str | None,
    ignore: Sequence[str] | None,
    rows: int | None,
) -> sensor_table.SensorTable:
    return sensor_table.read_table(
        file,
        time_column=time_column,
        asset_column=asset_column,
        asset=asset,
        ignore=ignore or (),
        rows=rows,
    )
