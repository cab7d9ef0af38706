"""``tfstream inspect``."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config
from tfstream.app.checks.inspect_topic import inspect as inspect_topic
from tfstream.app.runtime.human_units import counted
from tfstream.cli.options.shared import Json, Topic
from tfstream.cli.output.printing import out, print_json, print_labelled, print_status
from tfstream.cli.streams import print_definition
from tfstream.storage import streams
from tfstream.wiring import open_database

_MOST_ASSETS = 20

Save = Annotated[bool, typer.Option("--save", help="Store the inferred stream definition.")]


def inspect(topic: Topic, save: Save = False, as_json: Json = False) -> None:
    """Sample a topic and infer its stream definition.

    It shows the format, sensors, assets, sampling interval and problems of the newest messages.
    """
    settings = config.load()
    inspection = inspect_topic(settings.require_kafka(), topic)
    definition = inspection.definition
    if as_json:
        print_json(inspection)
    elif definition is not None:
        print_definition(definition)
        names = ", ".join(inspection.assets[:_MOST_ASSETS])
        out.print(
            f"{'assets':<14}{len(inspection.assets)} in the newest "
            f"{counted(inspection.sampled, 'message')}: {names}",
            soft_wrap=True,
        )
    for problem in inspection.problems:
        print_labelled("problem:", "yellow", problem)
    if save and definition is not None:
        with open_database(settings).begin() as connection:
            streams.add(connection, definition)
        print_status(f"stream {topic} saved")
