"""``tfstream record``, ``score`` and ``sink``: the processes that run for good."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from tfstream import config, wiring
from tfstream.app.workers import run_workers
from tfstream.cli.options import Topic, UntilEnd
from tfstream.cli.output import duration_us, err
from tfstream.errors import UsageError


def record(topic: Topic, until_end: UntilEnd = False) -> None:
    """Store a topic's readings in Postgres, for training and for looking back."""
    with wiring.until_signalled() as stop:
        recorder = wiring.record(config.load(), topic, stop, until_end=until_end)
    err.print(f"{recorder.recorded} messages recorded, {recorder.unreadable} unreadable")


def score(
    topic: Topic,
    workers: Annotated[
        int, typer.Option(envvar="TFSTREAM_WORKERS", help="Processes to score with.", min=1)
    ] = 1,
    slot: Annotated[
        str | None,
        typer.Option(
            envvar="TFSTREAM_SLOT", help="This process's stable name among its peers; else the host's."
        ),
    ] = None,
    group: Annotated[str | None, typer.Option(envvar="TFSTREAM_GROUP", help="The consumer group.")] = None,
    commit_interval: Annotated[
        str, typer.Option(envvar="TFSTREAM_COMMIT_INTERVAL", help="Time between two commits.")
    ] = "1s",
    start: Annotated[
        str,
        typer.Option(
            envvar="TFSTREAM_START", help="Where a group without commits begins: earliest or latest."
        ),
    ] = "earliest",
    until_end: UntilEnd = False,
    scores: Annotated[bool, typer.Option(help="Write every score, not only anomalies.")] = True,
    with_sink: Annotated[bool, typer.Option("--sink/--no-sink", help="Fill Postgres from here too.")] = True,
) -> None:
    """Score a topic: anomalies to Kafka, and from there to Postgres."""
    if start not in ("earliest", "latest"):
        raise UsageError(f"--start is 'earliest' or 'latest', not {start!r}")
    request = wiring.ScoreRequest(
        topic=topic,
        slot=slot,
        group=group,
        commit_interval_s=duration_us(commit_interval) / 1e6,
        start=start,
        until_end=until_end,
        write_scores=scores,
        with_sink=with_sink,
    )
    with wiring.until_signalled() as stop:
        if workers > 1:
            run_workers([_worker_arguments(request, number) for number in range(workers)], stop)
            return
        progress = wiring.score(config.load(), request, stop)
    err.print(
        f"{progress.records} messages, {progress.windows} windows scored, {progress.commits} commits, "
        f"{progress.dead_letters} dead letters"
    )


def _worker_arguments(request: wiring.ScoreRequest, number: int) -> list[str]:
    """The command line of one worker: the same request under a slot of its own."""
    arguments = [
        "score",
        "--topic",
        request.topic,
        "--slot",
        f"{request.slot or socket.gethostname()}-{number}",
    ]
    arguments += ["--commit-interval", f"{request.commit_interval_s:g}s", "--start", request.start]
    arguments += ["--group", request.group] if request.group else []
    arguments += ["--until-end"] if request.until_end else []
    arguments += [] if request.write_scores else ["--no-scores"]
    return arguments + ([] if request.with_sink else ["--no-sink"])


def sink(topic: Topic, until_end: UntilEnd = False) -> None:
    """Fill Postgres from the anomaly and score topics, for scorers that run with --no-sink."""
    with wiring.until_signalled() as stop:
        wiring.sink(config.load(), topic, stop, until_end=until_end)
