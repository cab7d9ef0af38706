"""Options of the processes that run until a signal: record, score and sink."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from tfstream.app.runtime.background import Stop
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.cli.options.parse import of_option, parse_duration_us
from tfstream.telemetry import metrics_server

_PANEL = "Metrics and shutdown"
MetricsPort = Annotated[
    int,
    typer.Option(
        envvar="TFSTREAM_METRICS_PORT",
        help="Port on which to serve metrics for Prometheus at /metrics; 0 serves none.",
        min=0,
        max=65535,
        rich_help_panel=_PANEL,
    ),
]
MetricsPorts = Annotated[
    int,
    typer.Option(
        "--metrics-port",
        envvar="TFSTREAM_METRICS_PORT",
        help="Port on which to serve metrics for Prometheus at /metrics; 0 serves none. Several workers use "
        "this port and the ports after it.",
        min=0,
        max=65535,
        rich_help_panel=_PANEL,
    ),
]
MetricsAddress = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_METRICS_ADDRESS",
        help="Address on which to serve metrics; 0.0.0.0 means every address of the host.",
        rich_help_panel=_PANEL,
    ),
]
DrainTimeout = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_DRAIN_TIMEOUT",
        help="Longest time from SIGTERM to the end of the process; after it the process gives up its work "
        "and ends with exit code 4.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessOptions:
    """Metrics and shutdown of a process that runs until a signal."""

    metrics_port: MetricsPort = 0
    metrics_address: MetricsAddress = "127.0.0.1"
    drain_timeout: DrainTimeout = "30s"

    @property
    def drain_s(self) -> float:
        """Seconds from the first signal to the end of the process.

        :raises UsageError: when the timeout is not a duration.
        """
        return of_option("--drain-timeout", parse_duration_us, self.drain_timeout) / 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerProcessOptions(ProcessOptions):
    """The same where several workers share the options."""

    metrics_port: MetricsPorts = 0


@contextmanager
def running_process(options: ProcessOptions, board: MetricBoard) -> Iterator[Stop]:
    """Serve the board's metrics and yield ``stop``, which returns True after the first signal."""
    with (
        until_signalled(options.drain_s) as stop,
        metrics_server(board.read, options.metrics_port, options.metrics_address),
    ):
        yield stop
