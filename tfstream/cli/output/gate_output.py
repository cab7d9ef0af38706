"""The gate's decision about a model as text for people: a table of its checks, and short lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfstream.cli.output.printing import out, print_table

_COLUMNS = ("gate", "champion", "challenger", "wanted", "holds")
_HOLDS = {True: "yes", False: "NO", None: ""}
_PART = "; "  # between the parts of a stored reason


def print_gate(metrics: Mapping[str, Any]) -> None:
    """Print the gate's table, its verdict and its notes from a model's metrics; nothing without a gate."""
    gate = metrics.get("gate")
    if not gate:
        return
    checks = gate["checks"]
    rows = [
        (check["what"], check["champion"], check["challenger"], check["wanted"], _HOLDS[check["holds"]])
        for check in checks
    ]
    if rows:
        print_table(_COLUMNS, rows, empty="")
    failed = [check["what"] for check in checks if check["holds"] is False]
    out.print("the gate lets the model pass" if gate["promote"] else "the gate rejects the model")
    for line in [*(f"failed: {what}" for what in failed), *gate["notes"]]:
        out.print(f"- {line}", soft_wrap=True)


def beyond_gate(reason: str | None, metrics: Mapping[str, Any]) -> str | None:
    """What a stored reason says beyond the gate's own, which :func:`print_gate` prints; None for nothing."""
    gate = metrics.get("gate") or {}
    own = gate.get("reason") or ""
    return (reason or "").removesuffix(own).removesuffix(_PART) or None


def in_lines(reason: str | None) -> str | None:
    """A stored reason with a line for each of its checks and notes."""
    return None if reason is None else reason.replace(_PART, "\n")
