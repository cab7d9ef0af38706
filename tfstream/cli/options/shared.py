"""Options that several commands have, each declared once."""

from __future__ import annotations

from getpass import getuser
from typing import Annotated

import typer

Topic = Annotated[str, typer.Option("--topic", "-t", envvar="TFSTREAM_TOPIC", help="The sensor topic.")]
AnyTopic = Annotated[
    str | None,
    typer.Option(
        "--topic",
        "-t",
        envvar="TFSTREAM_TOPIC",
        help="Only this sensor topic; without it, all topics.",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        envvar="TFSTREAM_GROUP",
        help="Consumer group of the scorers; without it, tfstream.score.TOPIC.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(envvar="TFSTREAM_BY", help="Author to record; without it, your login name."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
UntilEnd = Annotated[
    bool,
    typer.Option("--until-end", help="Stop at the topic's present end; without it, run until a signal."),
]
Limit = Annotated[int, typer.Option(help="Largest number of rows to show.", min=1)]
Seed = Annotated[
    int, typer.Option(help="Seed of the fit: the same seed, data and versions give the same model.")
]
TimeColumn = Annotated[
    str | None,
    typer.Option(help="Column that holds the time; without it: ts, timestamp, time, datetime or date."),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help="Column that is not a sensor; may be given several times."),
]
NewAlarmBudget = Annotated[
    str, typer.Option("--alarm-budget", help="False alarms allowed for each asset: 1/week, 2/month, 0.5/day.")
]


def login_name() -> str:
    """The login name of the user who runs the command; ``unknown`` in a container without users."""
    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown"
