"""The month, day by day: readings come, the operator acts, and every night the model is refitted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from tests.studies.month.site import Site
from tests.studies.month.world import DAY_US, INTERVAL_US, LEARNT_DAYS, Happening, Sort, World, day_us
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


class Episode(NamedTuple):
    """What SQL says of one; ``end_us`` is that of the month while it is open."""

    id: str
    asset: str
    kind: str
    start_us: int
    end_us: int
    open: bool
    verdict: str | None
    model_version: int


def definition(world: World) -> StreamDefinition:
    """The stream of both works."""
    return StreamDefinition(
        topic="month.sensors",
        sensors=world.sensors,
        interval_us=INTERVAL_US,
        alarm_budget_per_week=BUDGET,
    )


class Month:
    """One passage through a world; ``gate`` says whether a refitted model must pass before it takes over."""

    def __init__(self, world: World, site: Site, *, gate: bool, tell: Tell) -> None:
        self._world, self._site, self._gate, self._tell = world, site, gate, tell
        self.nights: list[dict[str, Any]] = []

    def pass_by(self) -> None:
        """All of it; the models that were in charge are left in the database."""
        site, world = self._site, self._world
        site.define()
        self._exclude()
        with site.processes():
            for day in range(LEARNT_DAYS):
                site.send(world.day(day))
            site.wait_recorded()
            self._refit(0)
            for day in range(world.days):
                site.send(world.day(LEARNT_DAYS + day))
                site.wait_recorded()
                site.wait_scored(day_us(day + 1), world.plant.assets)
                self._operate(day + 1)
                if day + 1 < world.days:
                    self._refit(day + 1, "--since", _history(day + 1))

    def _refit(self, night: int, *span: str) -> None:
        """As the trainer does it, and wait until the scorer goes by what came of it."""
        gate = () if self._gate else ("--no-gate",)
        found = self._site.json("train", "--topic", self._site.topic, *span, *gate)
        self.nights.append({"night": night, **found})
        if found["promoted"]:
            self._site.wait_for_model(found["version"])
        self._tell(f"night {night}: version {found['version']}, promoted: {found['promoted']}")

    def _exclude(self) -> None:
        """The maintenance is known beforehand: hidden, and not learnt from."""
        for week in self._world.of(Sort.MAINTENANCE):
            self._site.tfstream.run(
                "exclusions", "add", "--topic", self._site.topic, "--asset", week.asset,
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
                self._site.tfstream.run("anomalies", "label", one.id, verdict)

    def _verdict(self, one: Episode, now: int) -> str | None:
        """Short faults and the long one are confirmed once they are over, the exchange is the new normal.

        Alarms without a cause are said to be false; those of the overhaul are nobody's business.
        """
        causes = [found for found in self._world.happenings if cause(found, one)]
        if any(found.sort is Sort.MAINTENANCE for found in causes):
            return None
        if any(found.sort is Sort.SHIFT for found in causes):
            return "new-normal"
        if any(found.sort is Sort.LONG for found in causes):
            return None if one.open else "confirmed"
        if causes:
            return "confirmed"
        return None if one.open else "false-alarm"

    def episodes(self, now_us: int) -> list[Episode]:
        """All that was raised so far."""
        with self._site.database.begin() as connection:
            rows = connection.execute(text(_EPISODES), {"topic": self._site.topic}).all()
        return [
            Episode(
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


def cause(happening: Happening, episode: Episode) -> bool:
    """Whether an episode may be put down to it."""
    if happening.asset != episode.asset:
        return False
    if happening.sort is Sort.SHIFT:  # the exchange is news for some days only
        before_us = happening.start_us - _GRACE_US
        return before_us <= episode.start_us < happening.start_us + 3 * DAY_US
    return happening.meets(episode.start_us, episode.end_us, _GRACE_US)


def _history(night: int) -> str:
    """What a refit learns from."""
    nights, history = _SLIP
    return history if night in nights else _HISTORY


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
