"""A drifting and a stuck sensor as an operator sees them: readings, the fault, and the alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.studies.quality.alarms.cases import CaseRun, LabelledFault
from tests.studies.quality.alarms.methods import NamedAlarm

_KINDS = ("drift to 4 sd", "stuck")
_BEFORE = 160  # rows shown before and after a fault
_HOUR_US = 3_600_000_000


def pictured(run: CaseRun, sensors: Sequence[str], alarms: Sequence[NamedAlarm]) -> list[dict[str, Any]]:
    """What the picture shows of the run's first fault of each pictured kind, by rows of its span."""
    if run.clean is None:
        return []
    firsts = {fault.kind: fault for fault in reversed(run.faults) if fault.kind in _KINDS}
    return [_view(run, sensors, firsts[kind], alarms) for kind in _KINDS if kind in firsts]


def _view(
    run: CaseRun, sensors: Sequence[str], fault: LabelledFault, alarms: Sequence[NamedAlarm]
) -> dict[str, Any]:
    first, stop = max(fault.first - _BEFORE, 0), min(fault.stop + _BEFORE, len(run.series.values))
    column = list(sensors).index(fault.sensors[0])
    assert run.clean is not None
    return {
        "kind": fault.kind,
        "sensor": fault.sensors[0],
        "shown": _rounded(run.series.values[first:stop, column]),
        "true": _rounded(run.clean[first:stop, column]),
        "fault": [fault.first - first, fault.stop - first],
        "alarms": [
            [alarm.raised - first, alarm.stop - first, alarm.sensors[0] if alarm.sensors else ""]
            for alarm in alarms
            if first <= alarm.raised < stop
        ],
    }


def _rounded(values: np.typing.NDArray[np.float32]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def draw(pictures: Sequence[Mapping[str, Any]], interval_us: int, path: Path) -> None:
    """A panel for each fault, as SVG."""
    import matplotlib as mpl  # takes a second
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "tfstream"  # makes the bytes of the file reproducible
    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = figure.subplots(1, len(pictures), squeeze=False)[0]
    hours = interval_us / _HOUR_US
    for axes, picture in zip(panels, pictures, strict=True):
        first, stop = picture["fault"]
        time = (np.arange(len(picture["shown"])) - first) * hours
        axes.axvspan(0, (stop - first) * hours, color="#888", alpha=0.15, label="fault")
        axes.plot(time, picture["true"], color="#888", linewidth=0.8, label="true value")
        axes.plot(time, picture["shown"], color="#0b6bcb", linewidth=1, label="reading")
        for raised, end, sensor in picture["alarms"]:
            span = (raised - first) * hours, (max(end, raised + 1) - first) * hours
            axes.axvspan(*span, ymax=0.05, color="#d9480f")
            axes.annotate(sensor, (span[0], 0.06), xycoords=("data", "axes fraction"), color="#d9480f")
        axes.set(title=f"{picture['kind']}: {picture['sensor']}", xlabel="hours since the fault began")
        axes.legend(loc="upper left", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
