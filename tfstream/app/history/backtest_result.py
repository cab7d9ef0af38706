"""What a backtest found, in an operator's terms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmLine:
    """One alarm, raised at ``raised_at``; ``event`` is the start of the event that it belongs to.

    ``hidden``: an exclusion would have hidden it.
    """

    asset: str
    kind: str
    started_at: str
    raised_at: str
    ended_at: str | None
    score: float
    threshold: float
    sensors: tuple[str, ...]
    event: str | None
    hidden: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLine:
    """A labelled event: ``delay_s`` to its first alarm, ``warning_s`` from there to its end."""

    asset: str
    start: str
    end: str
    raised_at: str | None
    delay_s: float | None
    warning_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetLine:
    """``alarms`` in ``weeks`` of scores, hidden ones apart; rates from ``low`` to ``high`` a week give such a
    count (95 %). ``false_alarms`` belong to no event; None where no event is known.
    """

    asset: str
    weeks: float
    alarms: int
    hidden: int
    per_week: float
    low: float
    high: float
    budget: float
    events: int
    detected: int
    false_alarms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """``total`` is of all assets together, in asset-weeks; ``events_from`` says whose events they are."""

    topic: str
    model_version: int
    since: str
    until: str
    events_from: str | None
    total: AssetLine
    assets: tuple[AssetLine, ...]
    events: tuple[EventLine, ...]
    alarms: tuple[AlarmLine, ...]
    notes: tuple[str, ...]
