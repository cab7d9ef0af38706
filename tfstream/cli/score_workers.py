"""``tfstream score --workers N``: starts N scorers with the options of the first process."""

from __future__ import annotations

import os
import socket

from tfstream import telemetry
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.app.runtime.workers import run_workers
from tfstream.cli.options.process_options import ProcessOptions
from tfstream.wiring import ScoreRequest


def run(request: ScoreRequest, workers: int, process: ProcessOptions) -> None:
    """Score with several processes of this command, each with a slot of its own, until all have ended."""
    commands = [
        [
            *telemetry.arguments(),
            *_request_arguments(request, number),
            *_process_arguments(process, number),
            *("--parent", str(os.getpid())),
        ]
        for number in range(workers)
    ]
    with until_signalled() as stop:
        run_workers(commands, stop, drain_s=process.drain_s)


def _request_arguments(request: ScoreRequest, number: int) -> list[str]:
    """The options of one worker: those of the request, with a slot of its own."""
    arguments = ["score", "--topic", request.topic]
    arguments += ["--workers", "1"]  # otherwise TFSTREAM_WORKERS makes each worker start workers
    arguments += ["--slot", f"{request.slot or socket.gethostname()}-{number}"]
    arguments += ["--commit-interval", f"{request.commit_interval_s:g}s", "--start", request.start]
    arguments += ["--group", request.group] if request.group else []
    limit = request.dead_letter_limit
    arguments += ["--dead-letter-run", str(limit.run), "--dead-letter-share", repr(limit.share)]
    arguments += ["--static"] if request.static else ["--dynamic"]
    arguments += ["--until-end"] if request.until_end else []
    arguments += [] if request.write_scores else ["--no-scores"]
    return arguments + ([] if request.with_sink else ["--no-sink"])


def _process_arguments(process: ProcessOptions, number: int) -> list[str]:
    """A metrics port for each worker; an explicit 0 keeps TFSTREAM_METRICS_PORT from giving all the same."""
    port = process.metrics_port + number if process.metrics_port else 0
    return [
        *("--metrics-port", str(port)),
        *("--metrics-address", process.metrics_address),
        *("--drain-timeout", process.drain_timeout),
    ]
