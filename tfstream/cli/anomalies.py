"""``tfstream anomalies``: list and show the stored anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.runtime.human_units import (
    LEAST_SHARE,
    band_text,
    rate_text,
    share_text,
    witness_label,
    witness_text,
)
from tfstream.cli.anomalies_explain import explain
from tfstream.cli.anomalies_label import label
from tfstream.cli.options.parse import now_us, of_option, parse_moment_us
from tfstream.cli.options.shared import AnyTopic, Json, Limit
from tfstream.cli.output.printing import cell, out, plain, print_json, print_note, print_table
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.storage import anomalies, streams
from tfstream.storage.anomalies import AnomalyRow
from tfstream.wiring import open_database

app = typer.Typer(no_args_is_help=True, help="List, explain and label anomalies.")

_COLUMNS = (
    "id",
    "topic",
    "asset",
    "kind",
    "witness",
    "started_at",
    "lasted",
    "how rare",
    "sensors",
)
_SHOWN = ("id", "topic", "asset", "kind", "state", "started_at", "ended_at", "peak_at")
_SOMETIMES = (
    "standing_since",
    "within",
    "verdict",
    "verdict_at",
    "verdict_by",
    "verdict_from",
    "note",
    "hidden_by",
)
_RARE_COLUMNS = ("within", "verdict", "hidden_by")  # shown where a listed anomaly has a value
_EXTRAPOLATED = (
    "{count} of {all} thresholds are extrapolated: the alarm budget is finer than the normal readings behind "
    "the model can show; train on a longer span, or set a larger budget"
)

Asset = Annotated[str | None, typer.Option(help="Only this asset; without it, all assets.")]
Since = Annotated[
    str | None,
    typer.Option(
        help="Only anomalies from this time on: 2026-01-05T14:05 (UTC), or a duration back from now (7d)."
    ),
]
Kind = Annotated[EventKind | None, typer.Option(help="Only anomalies of this kind.")]
OpenOnly = Annotated[bool, typer.Option("--open", help="Only anomalies that have not ended.")]
WithHidden = Annotated[
    bool, typer.Option("--all", help="Also anomalies that exclusions hide, with the reasons.")
]


@app.command("list")
def list_(
    topic: AnyTopic = None,
    asset: Asset = None,
    since: Since = None,
    kind: Kind = None,
    open_only: OpenOnly = False,
    with_hidden: WithHidden = False,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List anomalies, newest first, without those that exclusions hide."""
    with open_database(config.load()).begin() as connection:
        streams.require(connection, topic)
        rows = anomalies.find(
            connection,
            topic=topic,
            asset=asset,
            since_us=of_option("--since", parse_moment_us, since, now_us()) if since else None,
            open_only=open_only,
            kind=kind,
            hidden=with_hidden,
            limit=limit,
        )
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, with_topic=topic is None)


def _print_rows(rows: Sequence[AnomalyRow], *, with_topic: bool) -> None:
    columns = [name for name in _COLUMNS if name != "topic" or with_topic]
    columns += [name for name in _RARE_COLUMNS if any(getattr(row, name) for row in rows)]
    print_table(columns, [[_value(name, row) for name in columns] for row in rows], empty="no anomalies")
    if extrapolated := sum(row.extrapolated for row in rows):
        print_note(_EXTRAPOLATED.format(count=extrapolated, all=len(rows)))


def _value(column: str, row: AnomalyRow) -> object:
    """What a column of the list shows of an anomaly."""
    if column == "id":
        return str(row.id)[:8]
    if column == "lasted":
        if row.ended_at:
            return str(row.ended_at - row.started_at)
        return "open" if row.standing_since is None else "open, standing"
    if column == "within":
        return "" if row.within is None else str(row.within)[:8]
    if column == "witness":
        return witness_label(row.witness)
    if column == "how rare":
        return _how_rare(row)
    if column == "sensors":
        return _main_sensors(row)
    return getattr(row, column)


def _main_sensors(row: AnomalyRow) -> str:
    """The first two sensors with their shares; ``-`` without any. The sensors of a silence have no share."""
    shown = [
        f"{sensor['name']} {share_text(sensor['share'])}"
        for sensor in row.sensors[:2]
        if sensor["share"] >= LEAST_SHARE
    ]
    return ", ".join(shown or [sensor["name"] for sensor in row.sensors[:2]]) or "-"


def _how_rare(row: AnomalyRow) -> str:
    """How often normal data give a value like the peak: the scale that all witnesses share."""
    return "-" if row.witness is None else rate_text(row.expected_per_week)


@app.command()
def show(
    anomaly: Annotated[str, typer.Argument(help="Id of the anomaly, or the beginning of its id.")],
    as_json: Json = False,
) -> None:
    """Show an anomaly with its sensors: their actual and expected values, and what changed in them."""
    with open_database(config.load()).begin() as connection:
        row = anomalies.get(connection, anomaly)
    if as_json:
        print_json(row)
        return
    for name, value in _shown_fields(row).items():
        out.print(f"{name:<18}{cell(value)}", soft_wrap=True)
    out.print()
    rows = [
        (
            sensor["name"],
            share_text(sensor["share"]),
            sensor["actual"],
            sensor["expected"],
            band_text(sensor.get("band")),
        )
        for sensor in row.sensors
    ]
    columns = ("sensor", "share", "actual", "expected", "what changed")
    print_table(columns, rows, empty="this anomaly blames no sensor")


def _shown_fields(row: AnomalyRow) -> dict[str, object]:
    """The fields of an anomaly in words, without its sensors; most of those without a value are left out.

    Not the score and its threshold: witnesses have scales of their own, and only their rarity compares them.
    """
    fields: dict[str, object] = plain(row)
    offsets = f"offsets {row.source['first_offset']} to {row.source['last_offset']}"
    words = {
        "what was seen": row.reason,
        "how rare": _how_rare(row) + (" (extrapolated)" if row.extrapolated else ""),
        "witness": witness_text(row.witness, row.scale_s),
        "witnesses": ", ".join(witness_label(witness) for witness in row.witnesses) or "-",
        "model": f"version {row.model_version}, sha256 {row.model_sha256[:12]}",
        "source": f"partition {row.source['partition']}, {offsets}",
    }
    labels = {name: fields[name] for name in _SOMETIMES if fields[name] is not None}
    return {name: fields[name] for name in _SHOWN} | words | labels


app.command("explain")(explain)
app.command("label")(label)
