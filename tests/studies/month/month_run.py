"""The month, day by day: readings arrive, an operator labels alarms, and every night a refit runs."""

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
_WRONG_HISTORY = range(19, 26), "1d"  # a wrong history, set by mistake and not noticed for a week of nights
_EPISODES = """
SELECT a.id::text, a.asset, a.kind, a.started_at, a.ended_at, a.verdict, a.model_version
  FROM anomaly a JOIN stream s ON s.id = a.stream_id WHERE s.topic = :topic ORDER BY a.started_at, a.id
"""

Log = Callable[[str], None]


class StoredEpisode(NamedTuple):
    """An episode in SQL; while it is open, ``end_us`` is the time of the query."""

    id: str
    asset: str
    kind: str
    start_us: int
    end_us: int
    open: bool
    verdict: str | None
    model_version: int


def definition(simulated: SimulatedMonth) -> StreamDefinition:
    """The stream of both waterworks."""
    return StreamDefinition(
        topic="month.sensors",
        sensors=simulated.sensors,
        interval_us=INTERVAL_US,
        alarm_budget_per_week=BUDGET,
    )


class MonthRun:
    """One run through the month; with ``gate`` a refitted model must pass the gate before its promotion."""

    def __init__(
        self, simulated: SimulatedMonth, deployment: MonthDeployment, *, gate: bool, log: Log
    ) -> None:
        self._simulated, self._deployment, self._gate, self._log = simulated, deployment, gate, log
        self.nights: list[dict[str, Any]] = []

    def run(self) -> None:
        """Run the whole month; all models stay in the database."""
        deployment, simulated = self._deployment, self._simulated
        deployment.create()
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
                self._label_alarms(day + 1)
                if day + 1 < simulated.days:
                    self._refit(day + 1, "--since", _history(day + 1))

    def _refit(self, night: int, *span: str) -> None:
        """Refit as the trainer does, and wait until the scorer uses a promoted model."""
        gate = () if self._gate else ("--no-gate",)
        refit = self._deployment.json("train", "--topic", self._deployment.topic, *span, *gate)
        self.nights.append({"night": night, **refit})
        if refit["promoted"]:
            self._deployment.wait_for_model(refit["version"])
        self._log(f"night {night}: version {refit['version']}, promoted: {refit['promoted']}")

    def _exclude(self) -> None:
        """Exclude the maintenance, which is known in advance."""
        for week in self._simulated.events_of(MonthEventKind.MAINTENANCE):
            self._deployment.tfstream.run(
                "exclusions", "add", "--topic", self._deployment.topic, "--asset", week.asset,
                "--from", iso(week.start_us), "--to", iso(week.end_us), "--reason", "overhaul",
            )  # fmt: skip

    def _label_alarms(self, day: int) -> None:
        """Label the alarms until the end of a day, as an operator does."""
        now = day_us(day)
        for episode in self.episodes(now):
            if episode.verdict is not None or episode.kind == "silence":
                continue
            verdict = self._verdict(episode)
            if verdict is not None:
                self._deployment.tfstream.run("anomalies", "label", episode.id, verdict)

    def _verdict(self, episode: StoredEpisode) -> str | None:
        """The operator's verdict, or None for no verdict yet.

        Faults are confirmed, the long fault after its end; the exchanged transmitter is the new normal. An
        alarm without a cause is false after its end; alarms of the maintenance get no verdict.
        """
        causes = {event.kind for event in self._simulated.events if may_cause(event, episode)}
        if MonthEventKind.MAINTENANCE in causes:
            return None
        if MonthEventKind.SHIFT in causes:
            return "new-normal"
        if MonthEventKind.LONG in causes:
            return None if episode.open else "confirmed"
        if causes:
            return "confirmed"
        return None if episode.open else "false-alarm"

    def episodes(self, now_us: int) -> list[StoredEpisode]:
        """All episodes so far."""
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


_GRACE_US = 64 * INTERVAL_US  # the length of a window: an event in it can still raise an alarm


def may_cause(event: MonthEvent, episode: StoredEpisode) -> bool:
    """Whether the event can be the cause of the episode."""
    if event.asset != episode.asset:
        return False
    if event.kind is MonthEventKind.SHIFT:  # the exchange raises alarms only in the first days
        before_us = event.start_us - _GRACE_US
        return before_us <= episode.start_us < event.start_us + 3 * DAY_US
    return event.overlaps(episode.start_us, episode.end_us, _GRACE_US)


def _history(night: int) -> str:
    """The history of a night's refit."""
    nights, history = _WRONG_HISTORY
    return history if night in nights else _HISTORY


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
