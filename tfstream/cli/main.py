"""``tfstream``: the commands, and how errors become exit codes."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated, NoReturn

import typer

from tfstream import __version__, telemetry
from tfstream.cli import (
    anomalies,
    backtest,
    check,
    db,
    demo,
    evaluate,
    exclusions,
    files,
    models,
    score,
    streams,
    train,
)
from tfstream.cli.output import say, tell
from tfstream.errors import TfstreamError
from tfstream.model.detector_config import DetectorConfig

app = typer.Typer(
    name="tfstream",
    help="Learns what normal looks like on live sensor topics, and raises anomalies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_debug = False  # whether errors of this run show their tracebacks


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tfstream {__version__}")
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="TFSTREAM_DEBUG", help="Show tracebacks.")] = False,
    log_format: Annotated[
        str, typer.Option(envvar="TFSTREAM_LOG_FORMAT", help="Log lines as 'text' or 'json'.")
    ] = "text",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""
    global _debug
    _debug = debug
    if log_format not in ("text", "json"):
        raise typer.BadParameter("must be 'text' or 'json'", param_hint="--log-format")
    telemetry.configure(verbose=verbose or debug, style="json" if log_format == "json" else "text")


app.command("demo")(demo.demo)
app.add_typer(db.app, name="db")
app.command("inspect")(files.inspect)
app.add_typer(streams.app, name="streams")
app.command("replay")(files.replay)
app.command("load")(files.load)
app.command("record")(score.record)
app.command("train")(train.train)
app.command("trainer")(train.trainer)
app.command("score")(score.score)
app.command("sink")(score.sink)
app.add_typer(models.app, name="models")
app.add_typer(anomalies.app, name="anomalies")
app.add_typer(exclusions.app, name="exclusions")
app.command("evaluate")(evaluate.evaluate)
app.command("backtest")(backtest.backtest)
app.command("check")(check.check)


def main(config: DetectorConfig | None = None) -> NoReturn:
    """Run a command; an error is one line on stderr and its exit code, a traceback only with --debug.

    ``config`` is what ``train`` and ``trainer`` fit models with; None: the product's own.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    _leave(_run(config))


def _run(config: DetectorConfig | None) -> int:
    """The exit code."""
    try:
        app(obj=config)
        return 0
    except SystemExit as ended:  # typer's own end of every command
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except TfstreamError as error:
        return _failed(str(error), error.exit_code)
    except KeyboardInterrupt:
        say("ended at once; nothing uncommitted was written")
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        return _failed(f"{type(error).__name__}: {error}; this is a defect, and --debug shows where", 1)


def _leave(exit_code: int) -> NoReturn:
    """End the process without taking it apart: everything in hand is finished, or was given up.

    The destructors of librdkafka's clients can wait for ever, with no signal heard any more.
    """
    logging.shutdown()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends a command as Ctrl-C does: what it has started is ended with it."""
    raise KeyboardInterrupt


def _failed(words: str, exit_code: int) -> int:
    """Inside an error's handler: tell it, or with --debug let the error itself end the program.

    Where stderr is for programs its traceback is told, too.
    """
    if _debug and not telemetry.for_programs():
        raise
    tell("error:", "bold red", words, traceback=_debug)
    return exit_code
