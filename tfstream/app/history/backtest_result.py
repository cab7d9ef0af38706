"""The result of a backtest, as ``tfstream backtest`` prints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmLine:
    """An alarm; ``event`` is the start of its event, None for a false alarm.

    ``score`` to ``reason`` are those of its peak; ``witness`` is the statistic that raised the peak.
    ``hidden`` is true where exclusions would have hidden the alarm.
    """

    asset: str
    kind: str
    started_at: str
    raised_at: str
    ended_at: str | None
    score: float
    threshold: float
    expected_per_week: float
    witness: str | None
    scale_s: float | None
    reason: str | None
    sensors: tuple[str, ...]
    event: str | None
    hidden: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLine:
    """A labelled event; ``delay_s`` lasts until its first alarm, ``warning_s`` from that alarm to its end.

    Both are None for a missed event.
    """

    asset: str
    start: str
    end: str
    raised_at: str | None
    delay_s: float | None
    warning_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetLine:
    """``alarms`` in ``weeks`` of scores, without ``hidden`` alarms.

    ``low`` and ``high`` are the 95 % bounds of the rate ``per_week``. ``false_alarms`` counts alarms without
    an event; None where no event is known.
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
    """``total`` counts all assets together, in asset-weeks; ``events_from`` is the source of the events."""

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
