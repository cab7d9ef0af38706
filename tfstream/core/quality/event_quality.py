"""Alarms against labelled events as an operator counts them: found, missed, false, and how late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tfstream.core.quality.ranges import Labels, Ranges, mask_of, ranges_of

GRACE_ROWS = 16  # an alarm so soon after an event is still about it: scores look at their newest 16 rows


class Alarm(NamedTuple):
    """Rows of one episode: ``first`` of its first hop over the threshold, ``told`` and ``stop`` just behind.

    It was told at the end of the hop that opened it, the first one unless a minimum duration is asked for,
    and stood until ``stop``.
    """

    first: int
    told: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventQuality:
    """Counts over ``normal_weeks`` of rows without a label; ``delays`` in rows, one for each event found."""

    events: int
    found: int
    alarms: int
    false_alarms: int
    normal_weeks: float
    delays: tuple[int, ...]

    @property
    def recall(self) -> float:
        """The share of the events that an alarm was raised for; NaN without an event."""
        return self.found / self.events if self.events else float("nan")

    @property
    def precision(self) -> float:
        """The share of the alarms that belong to an event; NaN without an alarm."""
        return (self.alarms - self.false_alarms) / self.alarms if self.alarms else float("nan")

    @property
    def false_alarms_per_week(self) -> float:
        """Against the alarm budget; NaN without a normal row."""
        return self.false_alarms / self.normal_weeks if self.normal_weeks else float("nan")

    @property
    def median_delay_rows(self) -> float:
        """From an event's first row to the moment of its first alarm; NaN when none was found."""
        return float(np.median(self.delays)) if self.delays else float("nan")


def judge_alarms(
    alarms: Sequence[Alarm], anomalous: Labels, *, rows_per_week: float, grace_rows: int = GRACE_ROWS
) -> EventQuality:
    """Match alarms to events by the moment that they were raised.

    An alarm belongs to the latest event that began before it was told and had ended no more than
    ``grace_rows`` before its first row. An alarm that was already up when an event began does not find it: an
    operator would have learnt nothing new. Several alarms of one event are all true, and the first one counts
    for the delay.
    """
    events = ranges_of(anomalous)
    owners = owners_of(alarms, events, grace_rows)
    first_told: dict[int, int] = {}
    for alarm, owner in zip(alarms, owners, strict=True):
        if owner is not None:
            first_told[owner] = min(alarm.told, first_told.get(owner, alarm.told))
    return EventQuality(
        events=len(events.first),
        found=len(first_told),
        alarms=len(alarms),
        false_alarms=sum(owner is None for owner in owners),
        normal_weeks=float((~anomalous).sum() / rows_per_week),
        delays=tuple(told - int(events.first[event]) for event, told in sorted(first_told.items())),
    )


def owners_of(alarms: Sequence[Alarm], events: Ranges, grace_rows: int = GRACE_ROWS) -> list[int | None]:
    """The event that each alarm belongs to, by its place; None for a false alarm."""
    return [_owner(alarm, events, grace_rows) for alarm in alarms]


def together(parts: Sequence[EventQuality]) -> EventQuality:
    """The counts of several series in one."""
    return EventQuality(
        events=sum(part.events for part in parts),
        found=sum(part.found for part in parts),
        alarms=sum(part.alarms for part in parts),
        false_alarms=sum(part.false_alarms for part in parts),
        normal_weeks=sum(part.normal_weeks for part in parts),
        delays=tuple(delay for part in parts for delay in part.delays),
    )


def alarmed_rows(alarms: Sequence[Alarm], rows: int) -> Labels:
    """``[rows]``: those during which an alarm stood."""
    first = np.array([alarm.first for alarm in alarms], dtype=np.int64)
    stop = np.array([alarm.stop for alarm in alarms], dtype=np.int64)
    return mask_of(Ranges(first, stop), rows)


def _owner(alarm: Alarm, events: Ranges, grace_rows: int) -> int | None:
    """The event that an alarm belongs to."""
    open_to_it = (events.first < alarm.told) & (alarm.first < events.stop + grace_rows)
    return int(np.flatnonzero(open_to_it)[-1]) if open_to_it.any() else None
