"""``tfstream score --workers N``: each worker is told all that the first process was told."""

from __future__ import annotations

import os
import socket

from tfstream import telemetry, wiring
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.app.runtime.workers import run_workers
from tfstream.cli.output import duration_us


def run(request: wiring.ScoreRequest, workers: int, port: int, address: str, drain_timeout: str) -> None:
    """Score with several processes of this command, each under a slot of its own."""
    drain_s = duration_us(drain_timeout) / 1e6
    commands = [
        [
            *telemetry.arguments(),
            *_worker_arguments(request, number),
            *_metrics_arguments(port, address, number),
            *("--drain-timeout", drain_timeout),
            *("--parent", str(os.getpid())),
        ]
        for number in range(workers)
    ]
    with until_signalled() as stop:
        run_workers(commands, stop, drain_s=drain_s)


def _worker_arguments(request: wiring.ScoreRequest, number: int) -> list[str]:
    """The command line of one worker: the same request under a slot of its own."""
    arguments = [
        "score",
        *("--workers", "1"),  # or TFSTREAM_WORKERS would have each of them start as many again
        "--topic",
        request.topic,
        "--slot",
        f"{request.slot or socket.gethostname()}-{number}",
    ]
    arguments += ["--commit-interval", f"{request.commit_interval_s:g}s", "--start", request.start]
    arguments += ["--group", request.group] if request.group else []
    limit = request.dead_letter_limit
    arguments += ["--dead-letter-run", str(limit.run), "--dead-letter-share", repr(limit.share)]
    arguments += ["--static"] if request.static else ["--dynamic"]
    arguments += ["--until-end"] if request.until_end else []
    arguments += [] if request.write_scores else ["--no-scores"]
    return arguments + ([] if request.with_sink else ["--no-sink"])


def _metrics_arguments(port: int, address: str, number: int) -> list[str]:
    """A port for each worker; 0 is said, too, or the environment would give all of them one port."""
    return ["--metrics-port", str(port + number if port else 0), "--metrics-address", address]
