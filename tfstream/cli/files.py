"""``tfstream load`` and ``replay``: files of readings into Postgres and Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.files.load import load as load_table
from tfstream.app.files.replay import replay as replay_table
from tfstream.app.files.sensor_table import SensorTable, read_table
from tfstream.app.runtime.human_units import counted
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.shared import Ignore, Json, TimeColumn, Topic
from tfstream.cli.output.printing import pretty_duration, print_json, print_status, stages
from tfstream.wiring import find_stream, open_database

File = Annotated[Path, typer.Argument(help="A CSV or Parquet file.", show_default=False)]
AssetColumn = Annotated[
    str | None, typer.Option(help="Column that names the asset; without it, the column 'asset', if any.")
]
Asset = Annotated[
    str | None,
    typer.Option(help="Asset of all rows, if no column names it; without it, the name of the file."),
]
Rows = Annotated[int | None, typer.Option(help="Number of first rows to read; without it, all rows.", min=1)]
Speed = Annotated[
    float | None,
    typer.Option(
        help="Speed of sending: 1 is real time, 60 sends a minute of readings in a second; without it, no "
        "limit.",
        min=0,
    ),
]
Partitions = Annotated[
    int, typer.Option(help="Number of partitions of the topic, if the command has to create it.", min=1)
]


@dataclass(frozen=True, kw_only=True, slots=True)
class TableOptions:
    """How to read a file of readings."""

    time_column: TimeColumn = None
    asset_column: AssetColumn = None
    asset: Asset = None
    ignore: Ignore = None
    rows: Rows = None

    def read(self, file: Path) -> SensorTable:
        """:raises BadData: when the file cannot be read."""
        return read_table(
            file,
            time_column=self.time_column,
            asset_column=self.asset_column,
            asset=self.asset,
            ignore=self.ignore or (),
            rows=self.rows,
        )


@with_option_groups
def load(file: File, topic: Topic, reading: TableOptions, as_json: Json = False) -> None:
    """Store the readings of a file in Postgres, without Kafka.

    Use it for history to train on; a stream that is not defined is defined from the file's columns.
    """
    database = open_database(config.load())
    table = reading.read(file)
    with stages(f"load {file.name}") as report:
        result = load_table(database, table, topic, progress=lambda done: report("write", done))
    if as_json:
        print_json(result)
        return
    if result.created_stream:
        definition = find_stream(database, topic).definition
        print_status(
            f"stream {topic} was not defined and is now defined from the file: "
            f"{counted(len(definition.sensors), 'sensor')} every {pretty_duration(definition.interval_us)}"
        )
    print_status(f"{counted(result.rows, 'row')} of {counted(result.assets, 'asset')} loaded")


@with_option_groups
def replay(
    file: File,
    topic: Topic,
    reading: TableOptions,
    speed: Speed = None,
    partitions: Partitions = 3,
    as_json: Json = False,
) -> None:
    """Send the readings of a file to Kafka, in the order of their times.

    The messages have the format of the stream definition; use it to try a stream without its sensors.
    """
    settings = config.load()
    definition = find_stream(open_database(settings), topic).definition
    table = reading.read(file)
    with until_signalled() as stop, stages(f"replay {file.name}") as report:
        sent = replay_table(
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
        print_status(f"{counted(sent, 'message')} sent to {topic}")
