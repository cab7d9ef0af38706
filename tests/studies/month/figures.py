"""The figures of a month: alarms and budget, the three-day fault, the nights, and each champion's exam."""

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
    """All figures of the page."""
    episodes = [
        episode
        for episode in month_run.episodes(day_us(simulated.days))
        if episode.kind != "silence" and episode.start_us >= day_us(0)
    ]
    return {
        "alarms": _alarms(simulated, episodes),
        "long": _long(simulated, episodes),
        "short": _short(simulated, episodes),
        "nights": _nights(simulated, month_run, deployment, exam),
        "episodes": [_episode_json(simulated, episode) for episode in episodes],
    }


def _alarms(simulated: SimulatedMonth, episodes: Sequence[StoredEpisode]) -> dict[str, Any]:
    """Alarms without a cause, in the time of both waterworks that was not excluded."""
    false = [episode for episode in episodes if not _causes(simulated, episode)]
    hidden_us = sum(
        event.end_us - event.start_us for event in simulated.events_of(MonthEventKind.MAINTENANCE)
    )
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
    """The episodes of each long fault, in hours after the fault began."""
    faults = []
    for fault in simulated.events_of(MonthEventKind.LONG):
        own = [
            episode for episode in episodes if may_cause(fault, episode) and episode.end_us > fault.start_us
        ]
        spans = [
            [(time_us - fault.start_us) / 3.6e9 for time_us in (episode.start_us, episode.end_us)]
            for episode in own
        ]
        faults.append({"hours": (fault.end_us - fault.start_us) / 3.6e9, "episodes": spans})
    return faults


def _short(simulated: SimulatedMonth, episodes: Sequence[StoredEpisode]) -> dict[str, int]:
    faults = simulated.events_of(MonthEventKind.SHORT)
    detected = sum(any(may_cause(fault, episode) for episode in episodes) for fault in faults)
    return {"faults": len(faults), "found": detected}


def _nights(
    simulated: SimulatedMonth, month_run: MonthRun, deployment: MonthDeployment, exam: Exam
) -> list[dict[str, Any]]:
    """The gate's decision of each night, and the exam of the champion after it."""
    with deployment.database.begin() as connection:
        stream = streams.get(connection, deployment.topic)
        rows = {row.version: row for row in models.list_all(connection, stream.id)}
    champion = 0
    nights = []
    for night in month_run.nights:
        champion = night["version"] if night["promoted"] else champion
        with deployment.database.begin() as connection:
            detector = bundle.load(models.load(connection, stream.id, champion).bundle)
        result = exam.examine(detector, stream.definition, night["night"])
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
                "found": result.found,
                "faults": result.faults,
                "false": result.false,
            }
        )
    return nights


def _detection(gate: dict[str, Any]) -> dict[str, Any] | None:
    """The gate's comparison over all kinds of faults."""
    for check in gate.get("checks", ()):
        if "all kinds" in check["what"]:
            return {"champion": check["champion"], "challenger": check["challenger"]}
    return None


def _causes(simulated: SimulatedMonth, episode: StoredEpisode) -> list[str]:
    return [str(event.kind) for event in simulated.events if may_cause(event, episode)]


def _episode_json(simulated: SimulatedMonth, episode: StoredEpisode) -> dict[str, Any]:
    days = [(time_us - day_us(0)) / DAY_US for time_us in (episode.start_us, episode.end_us)]
    return {
        "asset": episode.asset,
        "from_day": days[0],
        "to_day": days[1],
        "kind": episode.kind,
        "verdict": episode.verdict,
        "causes": _causes(simulated, episode),
    }
