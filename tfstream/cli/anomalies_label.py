"""``tfstream anomalies label``: verdicts of people on anomalies."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config
from tfstream.cli.options.parse import of_option, parse_local_time_us
from tfstream.cli.options.shared import By, Json, login_name
from tfstream.cli.output.printing import print_json, print_status
from tfstream.core.learning.verdict import Verdict
from tfstream.errors import UsageError
from tfstream.storage import anomalies, verdicts
from tfstream.wiring import open_database

_CHOICES = ", ".join(Verdict)

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="ID... VERDICT",
        help=f"Ids of anomalies, or their beginnings, and then the verdict: {_CHOICES}.",
        show_default=False,
    ),
]
Note = Annotated[str | None, typer.Option(help="Note to store with the verdict.")]
ChangeTime = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="With new-normal: the time of the change, 2026-03-09T10:44 (UTC) or a duration back from now; "
        "without it, the start of the anomaly.",
    ),
]
Clear = Annotated[bool, typer.Option("--clear", help="Remove the verdict; give only ids.")]


def label(
    words: Words,
    note: Note = None,
    change_time: ChangeTime = None,
    clear: Clear = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Label anomalies with a verdict.

    Later refits learn from anomalies that were no fault, and leave out confirmed faults.
    Label a false alarm that looks like a fault once; label a change that stays as new-normal.
    """
    ids, verdict = (words, None) if clear else _split(words)
    if change_time and verdict is not Verdict.NEW_NORMAL:
        raise UsageError("--from is the time of a change; use it only with new-normal")
    with open_database(config.load()).begin() as connection:
        anomaly_ids = [anomalies.get(connection, text).id for text in ids]
        from_us = of_option("--from", parse_local_time_us, change_time, "UTC") if change_time else None
        verdicts.give(connection, anomaly_ids, verdict, note=note, from_us=from_us, by=by or login_name())
        rows = [anomalies.get(connection, str(anomaly_id)) for anomaly_id in anomaly_ids]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        start = f"{row.started_at:%Y-%m-%d %H:%M}"
        print_status(f"{str(row.id)[:8]}, {row.asset}, {start}: {verdict or 'no verdict'}")


def _split(words: list[str]) -> tuple[list[str], Verdict]:
    """The ids and the verdict after them.

    :raises UsageError: when the last word is not a verdict, or there is no id before it.
    """
    *ids, last = words
    if last not in list(Verdict):
        raise UsageError(f"{last!r} is not a verdict; end with one of {_CHOICES}, or give --clear")
    if not ids:
        raise UsageError(
            f"give the id of the anomaly before {last!r}; `tfstream anomalies list` shows the ids"
        )
    return ids, Verdict(last)
