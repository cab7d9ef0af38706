"""Part ``demo``: what ``tfstream demo`` finds on eight simulated plants, and its false alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from tests.studies.markdown import figure, met, table
from tests.studies.quality.budget_table import poisson_bounds
from tests.studies.quality.demo_jobs import demo_seed
from tests.studies.quality.jobs import Job, run
from tests.studies.quality.settings import QualitySettings
from tfstream.core.quality.event_quality import GRACE_ROWS
from tfstream.demo.run import DemoOptions

_SEEDS = range(8)
_DAYS_A_WEEK = 7
_BEFORE = "demo_before.json"  # in the folder of the figures: an earlier run, to compare with
_FOUND, _FIRST = 7.5, 0.9  # wanted: faults found of 8, share of the found faults with a touched sensor first


def measure(settings: QualitySettings) -> dict[str, Any]:
    """Figures over all seeds together, of each fault and of each seed; ``before``: of an earlier run."""
    training_days = DemoOptions().training_days
    jobs = [
        Job(work=demo_seed, arguments={"seed": seed, "training_days": training_days})
        for seed in _SEEDS[: settings.files]
    ]
    seeds = run(jobs, settings, "demo")
    return {
        "training_days": training_days,
        "total": total_of(seeds),
        "faults": [_fault_line(faults) for faults in zip(*(seed["faults"] for seed in seeds), strict=True)],
        "seeds": [_seed_line(seed) for seed in seeds],
        "before": _before(settings.folder / _BEFORE),
    }


def total_of(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Over all seeds together: faults found, sensors first, delay, and false alarms beside the budget."""
    found = [fault for seed in seeds for fault in seed["faults"] if fault["found"]]
    allowed = sum(seed["budget_per_week"] * seed["asset_days"] / _DAYS_A_WEEK for seed in seeds)
    low, high = poisson_bounds(allowed)
    return {
        "seeds": len(seeds),
        "faults": sum(len(seed["faults"]) for seed in seeds),
        "found": len(found),
        "found_per_seed": fmean(sum(fault["found"] for fault in seed["faults"]) for seed in seeds),
        "first": sum(fault["rank"] == 1 for fault in found),
        "median_delay_min": _median_delay(found),
        "asset_days": sum(seed["asset_days"] for seed in seeds),
        "allowed": allowed,
        "bounds": [low, high],
        "false_alarms": sum(seed["false_alarms"] for seed in seeds),
        "false_alarms_during_faults": sum(seed["false_alarms_during_faults"] for seed in seeds),
    }


def _fault_line(faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One fault of the schedule, over the seeds."""
    found = [fault for fault in faults if fault["found"]]
    return {
        "fault": faults[0]["fault"],
        "seeds": len(faults),
        "found": len(found),
        "first": sum(fault["rank"] == 1 for fault in found),
        "median_delay_min": _median_delay(found),
        "other_alarms": sum(fault["other_alarms"] for fault in faults),
    }


def _seed_line(seed: Mapping[str, Any]) -> dict[str, Any]:
    found = [fault for fault in seed["faults"] if fault["found"]]
    return {
        "seed": seed["seed"],
        "faults": len(seed["faults"]),
        "found": len(found),
        "first": sum(fault["rank"] == 1 for fault in found),
        "median_delay_min": _median_delay(found),
        "false_alarms": seed["false_alarms"],
        "false_alarms_during_faults": seed["false_alarms_during_faults"],
    }


def _median_delay(found: Sequence[Mapping[str, Any]]) -> float | None:
    return median(fault["delay_min"] for fault in found) if found else None


def _before(file: Path) -> dict[str, Any] | None:
    """The total of an earlier run and its commit; None without one."""
    if not file.exists():
        return None
    document = json.loads(file.read_text(encoding="utf-8"))
    return {"commit": document["commit"], "total": document["found"]["total"]}


def section(figures: Mapping[str, Any]) -> str:
    """The total beside its targets and the earlier run, then each fault and each seed."""
    return "\n".join(
        [
            "## The demo\n",
            _intro(figures),
            _total_table(figures["total"], figures["before"]),
            "### Each fault\n",
            _fault_table(figures["faults"]),
            "### Each seed\n",
            _seed_table(figures["seeds"]),
        ]
    )


def _intro(figures: Mapping[str, Any]) -> str:
    days = figures["training_days"]
    return (
        f"`tfstream demo` with the seeds {_SEEDS[0]} to {_SEEDS[-1]}, each with another plant, other\n"
        f"weather and another fit: three waterworks, {days} normal days to learn from, then a day\n"
        "with eight faults. The part runs the demo's readings, fit, alarm rule and comparison in one\n"
        "process, without Kafka and PostgreSQL. A fault counts as found only by an alarm that is raised\n"
        f"during the fault or at most {GRACE_ROWS} rows after its end, and that names a sensor that the\n"
        "fault touched: as its first sensor, or as a sensor with a fifth of the evidence or more. Every\n"
        "other alarm is false, also one that is raised during a fault and names other sensors. *Wanted* for\n"
        "the false alarms are the central 95 % of the Poisson distribution with the budget as its mean.\n"
    )


def _total_table(total: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    low, high = total["bounds"]
    share = total["first"] / total["found"] if total["found"] else 0.0
    delay = total["median_delay_min"]
    old_delay = before["total"]["median_delay_min"] if before else None
    halved = old_delay is not None and delay is not None and delay <= old_delay / 2
    within = low <= total["false_alarms"] <= high
    wanted = [
        (f"≥ {_FOUND}", met(total["found_per_seed"] >= _FOUND)),
        (f"≥ {_FIRST:.0%}", met(share >= _FIRST)),
        ("-", "-") if old_delay is None else (f"≤ {figure(old_delay / 2, 0)} min", met(halved)),
        (f"{low} to {high}", met(within)),
        ("-", "-"),
    ]
    days, allowed = total["asset_days"], figure(total["allowed"], 1)
    names = [
        "faults found, mean of the seeds",
        "found faults with a touched sensor first",
        "median delay",
        f"false alarms in {days} asset-days (the budget allows {allowed})",
        "of these during a fault",
    ]
    cells = zip(names, _cells(before["total"]) if before else "-" * 5, _cells(total), wanted, strict=True)
    earlier = f"before ({before['commit']})" if before else "before"
    return table(["", earlier, "result", "wanted", ""], [[n, b, c, *w] for n, b, c, w in cells])


def _cells(total: Mapping[str, Any]) -> list[str]:
    return [
        f"{figure(total['found_per_seed'], 2)} of {total['faults'] // total['seeds']}",
        f"{total['first']} of {total['found']}",
        _minutes(total["median_delay_min"]),
        str(total["false_alarms"]),
        str(total["false_alarms_during_faults"]),
    ]


def _fault_table(faults: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            fault["fault"],
            f"{fault['found']} of {fault['seeds']}",
            fault["first"],
            _minutes(fault["median_delay_min"]),
            fault["other_alarms"],
        ]
        for fault in faults
    ]
    return table(["fault", "found", "touched sensor first", "median delay", "alarms for other sensors"], rows)


def _seed_table(seeds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            seed["seed"],
            f"{seed['found']} of {seed['faults']}",
            seed["first"],
            _minutes(seed["median_delay_min"]),
            seed["false_alarms"],
            seed["false_alarms_during_faults"],
        ]
        for seed in seeds
    ]
    columns = ["seed", "found", "touched sensor first", "median delay", "false alarms", "during a fault"]
    return table(columns, rows)


def _minutes(delay: float | None) -> str:
    return "-" if delay is None else f"{delay:.0f} min"
