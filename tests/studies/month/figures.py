"""A month's alarms against the budget, its three-day fault, the nights, and what each champion can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.studies.month.deployment import MonthDeployment
from tests.studies.month.exam import Exam
from tests.studies.month.month_run import BUDGET, MonthRun, StoredEpisode, may_cause
from tests.studies.month.simulated_month import DAY_US, MonthEventKind, SimulatedMonth, day_us
from tests.studies.quality.budget_table import poisson_bounds
from tfstream.model import bundle
from tfstream.storage import models, streams


def figures(
    simulated: SimulatedMonth, month_run: MonthRun, deployment: MonthDeployment, exam: Exam
) -> dict[str, Any]:
    """Everything that the page tells."""
    every = month_run.episodes(day_us(simulated.days))
    episodes = [one for one in every if one.kind != "silence" and one.start_us >= day_us(0)]
    return {
        "alarms": _alarms(simulated, episodes),
        "long": _long(simulated, episodes),
        "short": _short(simulated, episodes),
        "nights": _nights(simulated, month_run, deployment, exam),
        "episodes": [_told(simulated, one) for one in episodes],
    }


def _alarms(simulated: SimulatedMonth, episodes: Sequence[StoredEpisode]) -> dict[str, Any]:
    """Those without a cause, in the time of both works that was not excluded."""
    false = [one for one in episodes if not _causes(simulated, one)]
    hidden_us = sum(one.end_us - one.start_us for one in simulated.events_of(MonthEventKind.MAINTENANCE))
    weeks = (2 * simulated.days * DAY_US - hidden_us) / (7 * DAY_US)
    low, high = poisson_bounds(BUDGET * weeks)
    return {
        "asked": BUDGET,
        "weeks": weeks,
        "false": len(false),
        "realised": len(false) / weeks,
        "low": low,
        "high": high,
    }


def _long(simulated: SimulatedMonth, episodes: Sequence[StoredEpisode]) -> list[dict[str, Any]]:
    """The episodes of each long fault, in hours after it began."""
    found = []
    for fault in simulated.events_of(MonthEventKind.LONG):
        own = [one for one in episodes if may_cause(fault, one) and one.end_us > fault.start_us]
        spans = [[(moment - fault.start_us) / 3.6e9 for moment in (one.start_us, one.end_us)] for one in own]
        found.append({"hours": (fault.end_us - fault.start_us) / 3.6e9, "episodes": spans})
    return found


def _short(simulated: SimulatedMonth, episodes: Sequence[StoredEpisode]) -> dict[str, int]:
    faults = simulated.events_of(MonthEventKind.SHORT)
    found = sum(any(may_cause(fault, one) for one in episodes) for fault in faults)
    return {"faults": len(faults), "found": found}


def _nights(
    simulated: SimulatedMonth, month_run: MonthRun, deployment: MonthDeployment, exam: Exam
) -> list[dict[str, Any]]:
    """What the gate said, and what the champion of the day after can do."""
    with deployment.database.begin() as connection:
        stream = streams.get(connection, deployment.topic)
        rows = {row.version: row for row in models.list_all(connection, stream.id)}
    champion = 0
    nights = []
    for night in month_run.nights:
        champion = night["version"] if night["promoted"] else champion
        with deployment.database.begin() as connection:
            detector = bundle.load(models.load(connection, stream.id, champion).bundle)
        found, faults, false = exam.examine(detector, stream.definition, night["night"])
        gate = rows[night["version"]].metrics.get("gate", {})
        nights.append(
            {
                "night": night["night"],
                "version": night["version"],
                "promoted": night["promoted"],
                "rows": night["rows"],
                "reason": night.get("reason"),
                "detection": _detection(gate),
                "champion": champion,
                "found": found,
                "faults": faults,
                "false": false,
            }
        )
    return nights


def _detection(gate: dict[str, Any]) -> dict[str, Any] | None:
    """The gate's own comparison of all kinds of faults together."""
    for check in gate.get("checks", ()):
        if "all kinds" in check["what"]:
            return {"champion": check["champion"], "challenger": check["challenger"]}
    return None


def _causes(simulated: SimulatedMonth, episode: StoredEpisode) -> list[str]:
    return [str(one.sort) for one in simulated.events if may_cause(one, episode)]


def _told(simulated: SimulatedMonth, one: StoredEpisode) -> dict[str, Any]:
    days = [(moment - day_us(0)) / DAY_US for moment in (one.start_us, one.end_us)]
    return {
        "asset": one.asset,
        "from_day": days[0],
        "to_day": days[1],
        "kind": one.kind,
        "verdict": one.verdict,
        "causes": _causes(simulated, one),
    }
