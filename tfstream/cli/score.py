"""``tfstream record``, ``score`` and ``sink``: the processes that run for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tfstream import config, wiring
from tfstream.app.runtime.background import Stop
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.runtime.parent_death import end_with_parent
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.cli import score_workers
from tfstream.cli.options import (
    DrainTimeout,
    Group,
    MetricsAddress,
    MetricsPort,
    MetricsPorts,
    Parent,
    Topic,
    UntilEnd,
)
from tfstream.cli.output import duration_us, say
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.errors import UsageError
from tfstream.telemetry import metrics_server

_LOOPBACK = "127.0.0.1"
_DRAIN = "30s"


def record(
    topic: Topic,
    until_end: UntilEnd = False,
    metrics_port: MetricsPort = 0,
    metrics_address: MetricsAddress = _LOOPBACK,
    drain_timeout: DrainTimeout = _DRAIN,
) -> None:
    """Store a topic's readings in Postgres, for training and for looking back."""
    board = MetricBoard()
    with _running(board, metrics_port, metrics_address, drain_timeout) as stop:
        recorder = wiring.record(config.load(), topic, stop, until_end=until_end, board=board)
    say(f"{recorder.recorded} messages recorded, {recorder.unreadable} unreadable")


def score(
    topic: Topic,
    workers: Annotated[
        int, typer.Option(envvar="TFSTREAM_WORKERS", help="Processes to score with.", min=1)
    ] = 1,
    static: Annotated[
        bool,
        typer.Option(
            "--static/--dynamic",
            envvar="TFSTREAM_STATIC",
            help="Keep this slot's partitions for it while it restarts, as long as the session timeout.",
        ),
    ] = False,
    slot: Annotated[
        str | None,
        typer.Option(
            envvar="TFSTREAM_SLOT",
            help="This process's stable name, of its own for each on a host; else the host's.",
        ),
    ] = None,
    group: Group = None,
    commit_interval: Annotated[
        str, typer.Option(envvar="TFSTREAM_COMMIT_INTERVAL", help="Time between two commits.")
    ] = "1s",
    start: Annotated[
        str,
        typer.Option(
            envvar="TFSTREAM_START",
            help="Where a group without commits begins: earliest or latest; added partitions: earliest.",
        ),
    ] = "earliest",
    until_end: UntilEnd = False,
    scores: Annotated[bool, typer.Option(help="Write every score, not only anomalies.")] = True,
    with_sink: Annotated[bool, typer.Option("--sink/--no-sink", help="Fill Postgres from here too.")] = True,
    dead_letter_run: Annotated[
        str,
        typer.Option(
            envvar="TFSTREAM_DEAD_LETTER_RUN",
            help="Stop a partition when more messages in a row cannot be read; 'off' diverts them all.",
        ),
    ] = "1000",
    dead_letter_share: Annotated[
        str,
        typer.Option(
            envvar="TFSTREAM_DEAD_LETTER_SHARE",
            help="Stop a partition when a larger part of its latest messages cannot be read; or 'off'.",
        ),
    ] = "0.6",
    metrics_port: MetricsPorts = 0,
    metrics_address: MetricsAddress = _LOOPBACK,
    drain_timeout: DrainTimeout = _DRAIN,
    parent: Parent = None,
) -> None:
    """Score a topic: anomalies to Kafka, and from there to Postgres."""
    if start not in ("earliest", "latest"):
        raise UsageError(f"--start is 'earliest' or 'latest', not {start!r}")
    request = wiring.ScoreRequest(
        topic=topic,
        slot=slot,
        static=static,
        group=group,
        commit_interval_s=duration_us(commit_interval) / 1e6,
        start=start,
        until_end=until_end,
        write_scores=scores,
        with_sink=with_sink,
        dead_letter_limit=_dead_letter_limit(dead_letter_run, dead_letter_share),
    )
    if workers > 1:
        score_workers.run(request, workers, metrics_port, metrics_address, drain_timeout)
        return
    board = MetricBoard()
    with _running(board, metrics_port, metrics_address, drain_timeout) as stop:
        if parent is not None:
            end_with_parent(parent)
        progress = wiring.score(config.load(), request, stop, board)
    say(
        f"{progress.records} messages, {progress.windows} windows scored, {progress.commits} commits, "
        f"{progress.dead_letters} dead letters"
    )


@contextmanager
def _running(board: MetricBoard, port: int, address: str, drain_timeout: str) -> Iterator[Stop]:
    """A long-running command: until a signal, drained within its time, seen by Prometheus if it may be."""
    drain_s = duration_us(drain_timeout) / 1e6
    with until_signalled(drain_s) as stop, metrics_server(board.read, port, address):
        yield stop


def _dead_letter_limit(run: str, share: str) -> DeadLetterLimit:
    """:raises UsageError: when one is neither a number in its range nor 'off'."""
    try:
        limit = DeadLetterLimit(
            run=0 if run == "off" else int(run), share=0.0 if share == "off" else float(share)
        )
    except ValueError:
        limit = DeadLetterLimit(run=-1)
    if limit.run < 0 or not 0 <= limit.share < 1:
        raise UsageError(
            f"--dead-letter-run is a number of messages and --dead-letter-share a part of 1, or each of them "
            f"'off'; not {run!r} and {share!r}"
        )
    return limit


def sink(
    topic: Topic,
    until_end: UntilEnd = False,
    metrics_port: MetricsPort = 0,
    metrics_address: MetricsAddress = _LOOPBACK,
    drain_timeout: DrainTimeout = _DRAIN,
) -> None:
    """Fill Postgres from the anomaly and score topics, for scorers that run with --no-sink."""
    board = MetricBoard()
    with _running(board, metrics_port, metrics_address, drain_timeout) as stop:
        wiring.sink(config.load(), topic, stop, until_end=until_end, board=board)
