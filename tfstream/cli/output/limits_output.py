"""The detection limits of a model as text for people: what it will not see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfstream.app.detection_limits.limit_words import limit_columns, limit_notes, limit_rows, limit_title
from tfstream.app.runtime.human_units import counted
from tfstream.cli.output.printing import out, print_table
from tfstream.core.learning.detection_limits import from_metrics

_WORST = 8  # sensors in the short table


def print_detection_limits(metrics: Mapping[str, Any], *, every_sensor: bool = False) -> None:
    """Print the smallest faults that raise an alarm, the sensors with the largest limits first.

    Without ``every_sensor`` only some of the sensors. Nothing is printed where no limits were measured: for a
    model of an older version, and where too few rows were held out.
    """
    limits = from_metrics(metrics)
    if limits is None:
        return
    most = None if every_sensor else _WORST
    rows = limit_rows(limits)[:most]
    out.print(limit_title(limits), soft_wrap=True)
    print_table(limit_columns(limits), rows, empty="")
    if more := len(limits.sensors) - len(rows):
        out.print(
            f"{counted(more, 'more sensor')} with smaller limits: see `tfstream models show`", soft_wrap=True
        )
    for note in limit_notes(limits, most):
        out.print(note, soft_wrap=True)
