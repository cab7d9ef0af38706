"""A month's alarms against the budget, its three-day fault, the nights, and what each champion can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.studies.month.exam import Exam
from tests.studies.month.run import BUDGET, Episode, Month, cause
from tests.studies.month.site import Site
from tests.studies.month.world import DAY_US, Sort, World, day_us
from tests.studies.quality.budget_table import poisson_bounds
from tfstream.model import bundle
from tfstream.storage import models, streams


def figures(world: World, month: Month, site: Site, exam: Exam) -> dict[str, Any]:
    """Everything that the page tells."""
    every = month.episodes(day_us(world.days))
    episodes = [one for one in every if one.kind != "silence" and one.start_us >= day_us(0)]
    return {
        "alarms": _alarms(world, episodes),
        "long": _long(world, episodes),
        "short": _short(world, episodes),
        "nights": _nights(world, month, site, exam),
        "episodes": [_told(world, one) for one in episodes],
    }


def _alarms(world: World, episodes: Sequence[Episode]) -> dict[str, Any]:
    """Those without a cause, in the time of both works that was not excluded."""
    false = [one for one in episodes if not _causes(world, one)]
    hidden_us = sum(one.end_us - one.start_us for one in world.of(Sort.MAINTENANCE))
    weeks = (2 * world.days * DAY_US - hidden_us) / (7 * DAY_US)
    low, high = poisson_bounds(BUDGET * weeks)
    return {
        "asked": BUDGET,
        "weeks": weeks,
        "false": len(false),
        "realised": len(false) / weeks,
        "low": low,
        "high": high,
    }


def _long(world: World, episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """The episodes of each long fault, in hours after it began."""
    found = []
    for fault in world.of(Sort.LONG):
        own = [one for one in episodes if cause(fault, one) and one.end_us > fault.start_us]
        spans = [[(moment - fault.start_us) / 3.6e9 for moment in (one.start_us, one.end_us)] for one in own]
        found.append({"hours": (fault.end_us - fault.start_us) / 3.6e9, "episodes": spans})
    return found


def _short(world: World, episodes: Sequence[Episode]) -> dict[str, int]:
    faults = world.of(Sort.SHORT)
    found = sum(any(cause(fault, one) for one in episodes) for fault in faults)
    return {"faults": len(faults), "found": found}


def _nights(world: World, month: Month, site: Site, exam: Exam) -> list[dict[str, Any]]:
    """What the gate said, and what the champion of the day after can do."""
    with site.database.begin() as connection:
        stream = streams.get(connection, site.topic)
        rows = {row.version: row for row in models.list_all(connection, stream.id)}
    champion = 0
    nights = []
    for night in month.nights:
        champion = night["version"] if night["promoted"] else champion
        with site.database.begin() as connection:
            detector = bundle.load(models.load(connection, stream.id, champion).bundle)
        found, faults, false = exam.sit(detector, stream.definition, night["night"])
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


def _causes(world: World, episode: Episode) -> list[str]:
    return [str(one.sort) for one in world.happenings if cause(one, episode)]


def _told(world: World, one: Episode) -> dict[str, Any]:
    days = [(moment - day_us(0)) / DAY_US for moment in (one.start_us, one.end_us)]
    return {
        "asset": one.asset,
        "from_day": days[0],
        "to_day": days[1],
        "kind": one.kind,
        "verdict": one.verdict,
        "causes": _causes(world, one),
    }
