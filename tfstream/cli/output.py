"""How commands print: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tfstream import telemetry
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.errors import UsageError

_log = logging.getLogger("tfstream")
_WIDE = 200  # a pipe has no edge to fold at


def _width() -> int | None:
    """The terminal's own, or what COLUMNS says."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE


# No markup: sensors have names like "T101 [bar]".
out = Console(highlight=False, markup=False, emoji=False, width=_width())
err = Console(stderr=True, highlight=False, markup=False, emoji=False)

Report = Callable[[str, float], None]
_UNITS_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}


_LONGEST_US = 5218 * _UNITS_US["w"]


def say(words: str) -> None:
    """A line on stderr."""
    if telemetry.for_programs():
        _log.info("%s", words)
    else:
        err.print(words, soft_wrap=True)


def tell(label: str, style: str, words: str, *, traceback: bool = False) -> None:
    """A line on stderr after a coloured label; for programs, an error where the label says so."""
    if telemetry.for_programs():
        level = logging.ERROR if label == "error:" else logging.WARNING
        _log.log(level, "%s", words, exc_info=traceback)
    else:
        err.print(Text.assemble((label, style), f" {words}"), soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    typer.echo(msgspec.json.format(msgspec.json.encode(plain(value), enc_hook=str), indent=2).decode())


def plain(value: object) -> Any:
    """Records, times and numbers as JSON knows them; NaN becomes null."""
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
    """A table on stdout; ``empty`` goes to stderr when there is nothing to show."""
    if not rows:
        say(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    out.print(table)


def print_gate(metrics: Mapping[str, Any]) -> None:
    """What the gate said of a model, from its metrics; nothing when it was not asked."""
    gate = metrics.get("gate")
    if not gate:
        return
    told = {True: "yes", False: "NO", None: ""}
    rows = [
        (one["what"], one["champion"], one["challenger"], one["wanted"], told[one["holds"]])
        for one in gate["checks"]
    ]
    if rows:
        print_table(("gate", "champion", "challenger", "wanted", "holds"), rows, empty="")
    out.print(gate["reason"], markup=False, soft_wrap=True)


def cell(value: object) -> str:
    """One value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


@contextmanager
def stages(title: str) -> Iterator[Report]:
    """A progress bar on stderr for work that reports ``(stage, part done)``."""
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


def now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1e6)


def duration_us(text: str) -> int:
    """``500ms``, ``1s``, ``5m``, ``2h``, ``14d`` or ``2w`` in microseconds.

    :raises UsageError: when the text is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no duration; write for example 500ms, 1s, 5m, 2h or 14d")
    duration = round(float(found[1]) * _UNITS_US[found[2]])
    if duration > _LONGEST_US:
        raise UsageError(f"{text!r} is longer than a hundred years")
    return duration


def moment_us(text: str, latest_us: int) -> int:
    """A point in event time: ISO 8601, or a duration back from ``latest_us``.

    :raises UsageError: when the text is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return latest_us - duration_us(text)
    return from_iso((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat())


def pretty_duration(microseconds: int) -> str:
    """The longest unit that gives a whole number."""
    if microseconds == 0:
        return "0s"
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if microseconds % _UNITS_US[unit] == 0:
            return f"{microseconds // _UNITS_US[unit]}{unit}"
    return f"{microseconds / 1000:g}ms"
