"""``tfstream anomalies label``: what people say of anomalies."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config
from tfstream.cli.options import By, Json, whoever
from tfstream.cli.output import print_json, say
from tfstream.cli.parse import when_us
from tfstream.core.learning.verdict import Verdict
from tfstream.errors import UsageError
from tfstream.storage import anomalies, verdicts
from tfstream.wiring import open_database

_CHOICES = ", ".join(Verdict)


def label(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ID... VERDICT",
            help=f"Ids, or their beginnings, and what they were: {_CHOICES}.",
            show_default=False,
        ),
    ],
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from", help="With new-normal: since when (UTC); if not given, since the anomaly began."
        ),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the verdict back; give ids alone.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say what anomalies were: the next refit learns from what was no fault, and not from what was one."""
    ids, verdict = (words, None) if clear else _parted(words)
    if begin and verdict is not Verdict.NEW_NORMAL:
        raise UsageError("--from says since when a new normal is one; it goes with new-normal alone")
    with open_database(config.load()).begin() as connection:
        named = [anomalies.get(connection, one).id for one in ids]
        since = when_us(begin, "UTC") if begin else None
        verdicts.give(connection, named, verdict, note=note, from_us=since, by=by or whoever())
        found = [anomalies.get(connection, str(one)) for one in named]
    if as_json:
        print_json(found)
        return
    for row in found:
        say(f"{str(row.id)[:8]}, {row.asset}, {row.started_at:%Y-%m-%d %H:%M}: {verdict or 'no verdict'}")


def _parted(words: list[str]) -> tuple[list[str], Verdict]:
    """:raises UsageError: when it does not end with a verdict, or nothing stands before it."""
    *ids, last = words
    if last not in list(Verdict):
        raise UsageError(f"{last!r} is no verdict; end with one of {_CHOICES}, or give --clear")
    if not ids:
        raise UsageError(f"say which anomaly is {last}; `tfstream anomalies list` shows their ids")
    return ids, Verdict(last)
