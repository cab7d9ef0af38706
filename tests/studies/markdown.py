"""Tables and numbers of the studies' pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, text_columns: int = 1) -> str:
    """A markdown table; all columns but the first ``text_columns`` hold numbers."""
    rule = ["---"] * text_columns + ["---:"] * (len(columns) - text_columns)
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (columns, rule, *rows)) + "\n"


def figure(value: float | None, digits: int = 3) -> str:
    """A number without the zero before its point; ``-`` for None."""
    if value is None:
        return "-"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and digits else text


def with_spread(statistic: Mapping[str, Any], digits: int = 3) -> str:
    """A mean, with its spread over the seeds if it has one."""
    mean = figure(statistic["mean"], digits)
    return mean if statistic["spread"] is None else f"{mean} ± {figure(statistic['spread'], digits)}"


def met(reached: bool) -> str:
    """Whether a target is met."""
    return "met" if reached else "**missed**"


def target(value: float | None, reached: bool, wanted: str) -> list[str]:
    """The last cells of a line that has a target: measured value, target, whether it is met."""
    return [figure(value), wanted, "-" if value is None else met(reached)]
