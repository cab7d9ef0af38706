"""The witnesses of a model as text for people: which are admitted, and what their thresholds are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfstream.app.runtime.human_units import counted, duration_text, witness_label
from tfstream.cli.output.printing import out, print_table
from tfstream.core.messages.witness import Witness

_COLUMNS = (
    "witness",
    "statistic",
    "time scale",
    "alarms expected",
    "alarms raised",
    "time over threshold",
    "admitted",
)


def print_witnesses(metrics: Mapping[str, Any], interval_us: int) -> None:
    """Print a line for each statistic, the score first, and the alarms on the rows held out for the gate.

    ``alarms expected`` are those that earlier thresholds allow on later rows, ``alarms raised`` those that
    these rows gave, ``time over threshold`` is the share of the time above the thresholds.

    Nothing is printed for a model of an older version.
    """
    witnesses = metrics.get("witnesses")
    if witnesses is None:
        return
    gate = metrics.get("gate") or {}
    score = ("score", "all error terms", "-", *_forward(gate.get("score_forward")), "always")
    print_table(_COLUMNS, [score, *(_row(witness, interval_us) for witness in witnesses)], empty="")
    if not witnesses:
        out.print("no other witness: too few rows to learn from", soft_wrap=True)
    for line in _own_lines(witnesses):
        out.print(line, soft_wrap=True)
    by_witness = gate.get("alarms_by_witness")
    if by_witness:
        counts = sorted(by_witness.items())
        alarms = ", ".join(f"{witness_label(witness)} {count}" for witness, count in counts)
        total = counted(sum(by_witness.values()), "alarm")
        out.print(
            f"{total} on the rows held out for the gate, by the witness that raised each first: {alarms}"
        )


def _row(witness: Mapping[str, Any], interval_us: int) -> tuple[object, ...]:
    scale = duration_text(witness["rows"] * interval_us / 1e6)
    admitted = "yes" if witness["refused"] is None else f"no: {witness['refused']}"
    name = Witness(witness["witness"]).value
    return (name, witness["name"], scale, *_forward(witness.get("forward")), admitted)


def _own_lines(witnesses: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which statistics compare sensors as each asset's own readings show; or, once, why none does."""
    own = [(witness["name"], witness["own"]) for witness in witnesses if witness.get("own")]
    refused = [
        f"all assets share their comparisons: {each['refused']}" for _, each in own if "refused" in each
    ]
    return refused[:1] or [
        f"{name}: compares {counted(each['sensors'], 'sensor')} by each asset's own readings "
        f"({counted(each['assets'], 'asset')})"
        for name, each in own
    ]


def _forward(check: Mapping[str, Any] | None) -> tuple[str, str, str]:
    if check is None:
        return "-", "-", "-"
    return f"{check['asked']:g}", f"{check['alarms']}", f"{check['over']:.1%}"
