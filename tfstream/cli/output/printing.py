"""How commands print: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tfstream import telemetry
from tfstream.app.runtime.human_units import duration_text
from tfstream.cli.options.parse import UNITS_US
from tfstream.errors import BadData

Report = Callable[[str, float], None]

_log = logging.getLogger("tfstream")
_PIPE_WIDTH = 200  # columns: a pipe has no edge to fold lines at
_LISTED_SENSORS = 8


def _width() -> int | None:
    """None, for the terminal's width or that of COLUMNS; a fixed width for a pipe."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH


# No markup: sensors have names like "T101 [bar]".
out = Console(highlight=False, markup=False, emoji=False, width=_width())
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_status(text: str) -> None:
    """Print a line on stderr; with JSON logs, log it."""
    if telemetry.for_programs():
        _log.info("%s", text)
    else:
        err.print(text, soft_wrap=True)


def print_note(text: str) -> None:
    """Print on stderr what the user should know about a result."""
    print_labelled("note:", "yellow", text)


def print_labelled(label: str, style: str, text: str, *, traceback: bool = False) -> None:
    """Print a line on stderr after a coloured label.

    With JSON logs the line is logged: as an error after ``error:``, otherwise as a warning.
    """
    if telemetry.for_programs():
        level = logging.ERROR if label == "error:" else logging.WARNING
        _log.log(level, "%s", text, exc_info=traceback)
    else:
        err.print(Text.assemble((label, style), f" {text}"), soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    typer.echo(msgspec.json.format(msgspec.json.encode(plain(value), enc_hook=str), indent=2).decode())


def plain(value: object) -> Any:
    """Records, times and numbers as JSON types; NaN and infinities become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.to_builtins(value))
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, uuid.UUID):
        return str(value)
    return value.item() if hasattr(value, "item") else value


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print a table on stdout; without rows, print ``empty`` on stderr."""
    if not rows:
        print_status(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    out.print(table)


def print_instruments(metrics: Mapping[str, Any]) -> None:
    """Print which sensors are counters or send rarely, and which checks are off, from a model's metrics."""
    for name in metrics.get("counters", ()):
        print_status(f"{name} is a counter: differenced")
    for name, silent_after_s in metrics.get("slow_sensors", {}).items():
        print_status(f"{name} sends rarely: silent after {duration_text(silent_after_s)} without a value")
    for reason, sensors in metrics.get("checks_off", {}).items():
        more = len(sensors) - _LISTED_SENSORS
        listed = ", ".join(sensors[:_LISTED_SENSORS]) + (f" and {more} more" if more > 0 else "")
        print_status(f"checks of instruments that are off: {listed}: {reason}")


def cell(value: object) -> str:
    """A value as text for people: times in UTC, four significant digits, ``-`` for None."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def write_page(path: Path, page: str) -> None:
    """Write an HTML page.

    :raises BadData: when the file cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}") from None


@contextmanager
def stages(title: str) -> Iterator[Report]:
    """Show a progress bar on stderr for each stage of a ``report(stage, done)``; ``done`` from 0 to 1."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"{title}: {stage}", total=1.0)
            bars.update(tasks[stage], completed=done)

        yield report


def pretty_duration(microseconds: int) -> str:
    """A duration in the longest unit that gives a whole number: ``90s``, ``2h``."""
    if microseconds == 0:
        return "0s"
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if microseconds % UNITS_US[unit] == 0:
            return f"{microseconds // UNITS_US[unit]}{unit}"
    return f"{microseconds / 1000:g}ms"
