"""The month, day by day: readings come, the operator acts, and every night the model is refitted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from tests.studies.month.deployment import MonthDeployment
from tests.studies.month.simulated_month import (
    DAY_US,
    INTERVAL_US,
    LEARNT_DAYS,
    MonthEvent,
    MonthEventKind,
    SimulatedMonth,
    day_us,
)
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.stream import StreamDefinition

BUDGET = 2.0  # false alarms an asset and week
_HISTORY = "14d"
_SLIP = range(19, 26), "1d"  # somebody sets the wrong history, and nobody notices for a week of nights
_EPISODES = """
SELECT a.id::text, a.asset, a.kind, a.started_at, a.ended_at, a.verdict, a.model_version
  FROM anomaly a JOIN stream s ON s.id = a.stream_id WHERE s.topic = :topic ORDER BY a.started_at, a.id
"""

Tell = Callable[[str], None]


class StoredEpisode(NamedTuple):
    """What SQL says of one; ``end_us`` is that of the month while it is open."""

    id: str
    asset: str
    kind: str
    start_us: int
    end_us: int
    open: bool
    verdict: str | None
    model_version: int


def definition(simulated: SimulatedMonth) -> StreamDefinition:
    """The stream of both works."""
    return StreamDefinition(
        topic="month.sensors",
        sensors=simulated.sensors,
        interval_us=INTERVAL_US,
        alarm_budget_per_week=BUDGET,
    )


class MonthRun:
    """One passage through a world; ``gate`` says whether a refitted model must pass before it takes over."""

    def __init__(
        self, simulated: SimulatedMonth, deployment: MonthDeployment, *, gate: bool, log: Tell
    ) -> None:
        self._simulated, self._deployment, self._gate, self._log = simulated, deployment, gate, log
        self.nights: list[dict[str, Any]] = []

    def run(self) -> None:
        """All of it; the models that were in charge are left in the database."""
        deployment, simulated = self._deployment, self._simulated
        deployment.define()
        self._exclude()
        with deployment.processes():
            for day in range(LEARNT_DAYS):
                deployment.send(simulated.day(day))
            deployment.wait_recorded()
            self._refit(0)
            for day in range(simulated.days):
                deployment.send(simulated.day(LEARNT_DAYS + day))
                deployment.wait_recorded()
                deployment.wait_scored(day_us(day + 1), simulated.plant.assets)
                self._operate(day + 1)
                if day + 1 < simulated.days:
                    self._refit(day + 1, "--since", _history(day + 1))

    def _refit(self, night: int, *span: str) -> None:
        """As the trainer does it, and wait until the scorer goes by what came of it."""
        gate = () if self._gate else ("--no-gate",)
        found = self._deployment.json("train", "--topic", self._deployment.topic, *span, *gate)
        self.nights.append({"night": night, **found})
        if found["promoted"]:
            self._deployment.wait_for_model(found["version"])
        self._log(f"night {night}: version {found['version']}, promoted: {found['promoted']}")

    def _exclude(self) -> None:
        """The maintenance is known beforehand: hidden, and not learnt from."""
        for week in self._simulated.events_of(MonthEventKind.MAINTENANCE):
            self._deployment.tfstream.run(
                "exclusions", "add", "--topic", self._deployment.topic, "--asset", week.asset,
                "--from", iso(week.start_us), "--to", iso(week.end_us), "--reason", "overhaul",
            )  # fmt: skip

    def _operate(self, day: int) -> None:
        """What people say of the alarms that have come up to the end of a day."""
        now = day_us(day)
        for one in self.episodes(now):
            if one.verdict is not None or one.kind == "silence":
                continue
            verdict = self._verdict(one, now)
            if verdict is not None:
                self._deployment.tfstream.run("anomalies", "label", one.id, verdict)

    def _verdict(self, one: StoredEpisode, now: int) -> str | None:
        """Short faults and the long one are confirmed once they are over, the exchange is the new normal.

        Alarms without a cause are said to be false; those of the overhaul are nobody's business.
        """
        causes = [found for found in self._simulated.events if may_cause(found, one)]
        if any(found.sort is MonthEventKind.MAINTENANCE for found in causes):
            return None
        if any(found.sort is MonthEventKind.SHIFT for found in causes):
            return "new-normal"
        if any(found.sort is MonthEventKind.LONG for found in causes):
            return None if one.open else "confirmed"
        if causes:
            return "confirmed"
        return None if one.open else "false-alarm"

    def episodes(self, now_us: int) -> list[StoredEpisode]:
        """All that was raised so far."""
        with self._deployment.database.begin() as connection:
            rows = connection.execute(text(_EPISODES), {"topic": self._deployment.topic}).all()
        return [
            StoredEpisode(
                id=row.id,
                asset=row.asset,
                kind=row.kind,
                start_us=_us(row.started_at),
                end_us=now_us if row.ended_at is None else _us(row.ended_at),
                open=row.ended_at is None,
                verdict=row.verdict,
                model_version=row.model_version,
            )
            for row in rows
        ]


_GRACE_US = 64 * INTERVAL_US  # a window: what happened in it may still be raised


def may_cause(event: MonthEvent, episode: StoredEpisode) -> bool:
    """Whether an episode may be put down to it."""
    if event.asset != episode.asset:
        return False
    if event.sort is MonthEventKind.SHIFT:  # the exchange is news for some days only
        before_us = event.start_us - _GRACE_US
        return before_us <= episode.start_us < event.start_us + 3 * DAY_US
    return event.overlaps(episode.start_us, episode.end_us, _GRACE_US)


def _history(night: int) -> str:
    """What a refit learns from."""
    nights, history = _SLIP
    return history if night in nights else _HISTORY


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
