"""``tfstream anomalies``: the history."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config
from tfstream.app.runtime.human_units import band_text
from tfstream.cli.anomalies_explain import explain
from tfstream.cli.anomalies_label import label
from tfstream.cli.options import AnyTopic, Json
from tfstream.cli.output import cell, moment_us, now_us, out, plain, print_json, print_table, tell
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.storage import anomalies
from tfstream.storage.anomalies import AnomalyRow
from tfstream.wiring import open_database

app = typer.Typer(help="What was raised.", no_args_is_help=True)
app.command("label")(label)
app.command("explain")(explain)

_SHOWN = ("id", "topic", "asset", "kind", "started_at", "lasted", "score", "threshold", "sensors")
_RARE = ("verdict", "hidden_by")  # where some have one

_EXTRAPOLATED = (
    "{count} of {all} thresholds are extrapolated: the budget is finer than the normal data behind the model "
    "can show; train on a longer span, or ask for a larger budget"
)


@app.command("list")
def list_(
    topic: AnyTopic = None,
    asset: Annotated[str | None, typer.Option(help="Only this asset.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From here on: a time, or a span back from now (7d).")
    ] = None,
    kind: Annotated[EventKind | None, typer.Option(help="Only this kind.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only what is still going on.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Those that exclusions hide, too, and the reasons.")
    ] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    as_json: Json = False,
) -> None:
    """Anomalies, newest first; not those that lie in an exclusion that hides them."""
    with open_database(config.load()).begin() as connection:
        found = anomalies.find(
            connection,
            topic=topic,
            asset=asset,
            since_us=moment_us(since, now_us()) if since else None,
            open_only=open_only,
            kind=kind,
            hidden=every,
            limit=limit,
        )
    if as_json:
        print_json(found)
        return
    shown = [name for name in _SHOWN if name != "topic" or topic is None]
    shown += [name for name in _RARE if any(getattr(row, name) for row in found)]
    print_table(shown, [[_shown(name, row) for name in shown] for row in found], empty="no anomalies")
    if extrapolated := sum(row.extrapolated for row in found):
        words = _EXTRAPOLATED.format(count=extrapolated, all=len(found))
        tell("note:", "yellow", words)


@app.command()
def show(
    anomaly: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")], as_json: Json = False
) -> None:
    """One anomaly with its sensors: what they were, and what they should have been."""
    with open_database(config.load()).begin() as connection:
        found = anomalies.get(connection, anomaly)
    if as_json:
        print_json(found)
        return
    fields = plain(found)
    sensors = fields.pop("sensors")
    for name, value in fields.items():
        out.print(f"{name:<18}{cell(value)}", soft_wrap=True)
    out.print()
    rows = [
        (one["name"], one["share"], one["actual"], one["expected"], band_text(one.get("band")))
        for one in sensors
    ]
    print_table(("sensor", "share", "actual", "expected", "what changed"), rows, empty="no sensor is named")


def _shown(name: str, row: AnomalyRow) -> object:
    """A column of the listing."""
    if name == "id":
        return str(row.id)[:8]
    if name == "lasted":
        return str(row.ended_at - row.started_at) if row.ended_at else "open"
    if name == "sensors":
        return ", ".join(f"{one['name']} {one['share']:.0%}" for one in row.sensors[:2]) or "-"
    return getattr(row, name)
