"""The figures of a suite: what one method found in all its runs, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.studies.quality.alarms.nab_score import NabPoints
from tfstream.core.alarms.poisson import mean_bounds
from tfstream.core.stream import WEEK_US

ALL, PRODUCT = "all", "tfstream"
_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_LATE_MINUTES = 4 * 60

Line = dict[str, Any]


class SuiteKey(NamedTuple):
    """A line of the tables: a part of a suite, by one method."""

    suite: str
    part: str
    method: str


def add_up(key: SuiteKey, results: Sequence[Mapping[str, Any]]) -> Line:
    """The figures of the runs of the part in the results of all jobs of the suite, by kind of fault."""
    runs = [
        (run, result["interval_us"])
        for result in results
        for run in result["runs"]
        if run["part"] == key.part
    ]
    faults = [_in_minutes(fault, interval_us) for run, interval_us in runs for fault in run["faults"]]
    kinds = sorted({fault["kind"] for fault in faults})
    weeks = sum(run["normal_rows"] * interval_us for run, interval_us in runs) / WEEK_US
    normal_rows = sum(run["normal_rows"] for run, _ in runs)
    return {
        **key._asdict(),
        "found": [_found(ALL, faults)] if faults else [],
        "kinds": [_found(kind, [fault for fault in faults if fault["kind"] == kind]) for kind in kinds],
        "false": _false(sum(run["false_alarms"] for run, _ in runs), weeks, results[0]["budget"]),
        "stood": sum(run["stood"] for run, _ in runs) / normal_rows if normal_rows else None,
        "longest_h": max(run["longest"] * interval_us for run, interval_us in runs) / _HOUR_US,
        "nab": _nab([run["nab"] for run, _ in runs if "nab" in run]),
        "seconds": sum(result["seconds"] for result in results),
    }


def _nab(runs: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """The score of all files together, and that of each group of files; None for other cases."""
    if not runs:
        return None
    groups = {ALL: list(runs)} | {
        group: [run for run in runs if run["group"] == group]
        for group in sorted({run["group"] for run in runs})
    }
    return {
        group: NabPoints(sum(run["points"] for run in own), sum(run["windows"] for run in own)).score
        for group, own in groups.items()
    }


def _in_minutes(fault: Mapping[str, Any], interval_us: int) -> dict[str, Any]:
    minutes = interval_us / _MINUTE_US
    return {
        "kind": fault["kind"],
        "delay": math.inf if fault["delay"] is None else fault["delay"] * minutes,
        "any": fault["any_delay"] is not None,
        "right_first": fault["right_first"],
    }


def _found(kind: str, faults: Sequence[Mapping[str, Any]]) -> Line:
    """Delays in minutes over all faults: a missed fault has no end of delay."""
    delays = sorted(fault["delay"] for fault in faults)
    known = [fault for fault in faults if fault["right_first"] is not None]
    return {
        "kind": kind,
        "faults": len(faults),
        "found": sum(delay < math.inf for delay in delays),
        "by_any_alarm": sum(fault["any"] for fault in faults),
        "right_first": sum(fault["right_first"] for fault in known) if known else None,
        "within_4h": sum(delay <= _LATE_MINUTES for delay in delays),
        "median_minutes": _quantile(delays, 0.5),
        "p75_minutes": _quantile(delays, 0.75),
    }


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest delay that this share of the faults does not exceed; None: so many were not found."""
    value = ordered[math.ceil(share * len(ordered)) - 1]
    return None if value == math.inf else value


def _false(count: int, weeks: float, budget: float) -> Line:
    """False alarms a week beside the budget; ``low`` and ``high`` bound the rate behind the count."""
    low, high = mean_bounds(count)
    return {
        "count": count,
        "weeks": weeks,
        "asked": budget,
        "realised": count / weeks if weeks else None,
        "low": low / weeks if weeks else None,
        "high": high / weeks if weeks else None,
    }
