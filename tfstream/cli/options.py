"""Options that several commands share."""

from __future__ import annotations

from getpass import getuser
from typing import Annotated

import typer

Topic = Annotated[str, typer.Option("--topic", "-t", envvar="TFSTREAM_TOPIC", help="The sensor topic.")]
AnyTopic = Annotated[
    str | None, typer.Option("--topic", "-t", envvar="TFSTREAM_TOPIC", help="Only this sensor topic.")
]
Group = Annotated[
    str | None,
    typer.Option(envvar="TFSTREAM_GROUP", help="The scorers' consumer group, if not the usual one."),
]
By = Annotated[str | None, typer.Option(envvar="TFSTREAM_BY", help="Who says so; if not given, your login.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]
DrainTimeout = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_DRAIN_TIMEOUT",
        help="Time to finish in after SIGTERM: the last commit, leaving the group, the sink.",
    ),
]
MetricsPort = Annotated[
    int,
    typer.Option(
        envvar="TFSTREAM_METRICS_PORT",
        help="Serve metrics for Prometheus on this port; 0: none.",
        min=0,
        max=65535,
    ),
]
MetricsPorts = Annotated[
    int,
    typer.Option(
        "--metrics-port",
        envvar="TFSTREAM_METRICS_PORT",
        help="Serve metrics for Prometheus on this port; 0: none. Workers take the ports from here on.",
        min=0,
        max=65535,
    ),
]
MetricsAddress = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_METRICS_ADDRESS", help="Listen for scrapes here; 0.0.0.0 is every address."
    ),
]
Parent = Annotated[
    int | None,
    typer.Option("--parent", hidden=True, help="A worker drains when the process of this id is gone."),
]
UntilEnd = Annotated[bool, typer.Option("--until-end", help="Stop at the topic's present end.")]


def whoever() -> str:
    """The login of whoever runs the command; a container may know none."""
    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown"
