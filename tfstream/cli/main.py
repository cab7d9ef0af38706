"""``tfstream``: the commands, and how errors become exit codes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from tfstream import __version__, telemetry
from tfstream.cli import anomalies, db, exclusions, models, streams
from tfstream.cli.backtest import backtest
from tfstream.cli.check import check
from tfstream.cli.demo import demo
from tfstream.cli.evaluate import evaluate
from tfstream.cli.files import load, replay
from tfstream.cli.inspect import inspect
from tfstream.cli.output.printing import print_labelled, print_status
from tfstream.cli.record import record
from tfstream.cli.score import score
from tfstream.cli.sink import sink
from tfstream.cli.train import train
from tfstream.cli.trainer import trainer
from tfstream.errors import TfstreamError
from tfstream.model.detector_config import DetectorConfig

# The jobs and their commands, in the order in which `tfstream --help` shows them.
JOBS: Mapping[str, Mapping[str, typer.Typer | Callable[..., None]]] = {
    "Set up": {"db": db.app, "inspect": inspect, "streams": streams.app, "check": check},
    "Run": {"record": record, "score": score, "sink": sink, "trainer": trainer},
    "Learn": {"train": train, "models": models.app, "exclusions": exclusions.app},
    "Look back": {"anomalies": anomalies.app, "backtest": backtest, "evaluate": evaluate},
    "Files and demo": {"demo": demo, "load": load, "replay": replay},
}


class CommandsByJob(TyperGroup):
    """A group whose commands have the order of ``JOBS``; Typer puts all groups behind the commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {word: self.commands[word] for commands in JOBS.values() for word in commands}


app = typer.Typer(
    name="tfstream",
    cls=CommandsByJob,
    help="Learn what normal readings of sensor topics look like, score new readings live, and raise alarms.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _job, _commands in JOBS.items():
    for _word, _command in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_word, rich_help_panel=_job)
        else:
            app.command(_word, rich_help_panel=_job)(_command)

_debug = False  # whether the errors of this run show their tracebacks


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tfstream {__version__}")
        raise typer.Exit


Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more on stderr.")]
Debug = Annotated[
    bool,
    typer.Option("--debug", envvar="TFSTREAM_DEBUG", help="Show the traceback of an error, and log more."),
]
LogFormat = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_LOG_FORMAT",
        help="Format of stderr: text for people, or json, an object per line, for programs.",
    ),
]
Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
]


@app.callback()
def configure(
    verbose: Verbose = False, debug: Debug = False, log_format: LogFormat = "text", version: Version = False
) -> None:
    """Set up the log, for every command."""
    global _debug
    _debug = debug
    if log_format not in ("text", "json"):
        raise typer.BadParameter("must be 'text' or 'json'", param_hint="--log-format")
    telemetry.configure(verbose=verbose or debug, style="json" if log_format == "json" else "text")


def main(config: DetectorConfig | None = None) -> NoReturn:
    """Run a command; an error is one line on stderr and its exit code, with --debug a traceback.

    ``train`` and ``trainer`` fit models with ``config``; None is the product's own configuration.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    _end(_run(config))


def _run(config: DetectorConfig | None) -> int:
    """Run the command of the process's arguments; returns the exit code."""
    try:
        app(obj=config)
        return 0
    except SystemExit as end:  # Typer ends every command with it
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except TfstreamError as error:
        return _report(str(error), error.exit_code)
    except KeyboardInterrupt:
        print_status("ended at once by a signal; no uncommitted output was written")
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        text = f"{type(error).__name__}: {error}; this is a defect, --debug shows the traceback"
        return _report(text, 1)


def _end(exit_code: int) -> NoReturn:
    """End the process without running destructors: the work is finished, or was given up.

    The destructors of librdkafka's clients can block for ever, and Python handles no signal meanwhile.
    """
    logging.shutdown()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End a command on SIGTERM as on Ctrl-C, together with the processes that it started."""
    raise KeyboardInterrupt


def _report(text: str, exit_code: int) -> int:
    """Print the error that is being handled, and return its exit code; with --debug its traceback, too.

    With JSON logs the traceback is part of the log line.
    """
    if _debug and not telemetry.for_programs():
        traceback.print_exc()
    print_labelled("error:", "bold red", text, traceback=_debug)
    return exit_code
