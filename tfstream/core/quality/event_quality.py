"""Alarms against labelled events as an operator counts them: events found, false alarms, delays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tfstream.core.quality.ranges import Labels, Ranges, mask_of, ranges_of

GRACE_ROWS = 16  # an alarm this soon after an event belongs to it: a score depends on its newest 16 rows


class Alarm(NamedTuple):
    """An episode in rows.

    ``first`` is the first row of its first hop over the threshold. ``raised`` is the row after the hop that
    opened the episode: its first hop, unless the stream has a minimum duration. ``stop`` is the row after its
    last.
    """

    first: int
    raised: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventQuality:
    """Counts of events and alarms over ``normal_weeks`` of rows without a label.

    ``found`` of the ``events`` have an alarm; ``delays`` has the delay of each of these in rows.
    """

    events: int
    found: int
    alarms: int
    false_alarms: int
    normal_weeks: float
    delays: tuple[int, ...]

    @property
    def recall(self) -> float:
        """The share of the events that have an alarm; NaN without an event."""
        return self.found / self.events if self.events else float("nan")

    @property
    def precision(self) -> float:
        """The share of the alarms that belong to an event; NaN without an alarm."""
        return (self.alarms - self.false_alarms) / self.alarms if self.alarms else float("nan")

    @property
    def false_alarms_per_week(self) -> float:
        """To be compared with the alarm budget; NaN without a normal row."""
        return self.false_alarms / self.normal_weeks if self.normal_weeks else float("nan")

    @property
    def median_delay_rows(self) -> float:
        """From the first row of an event to its first alarm; NaN without an event that has an alarm."""
        return float(np.median(self.delays)) if self.delays else float("nan")


def match_alarms(
    alarms: Sequence[Alarm], anomalous: Labels, *, rows_per_week: float, grace_rows: int = GRACE_ROWS
) -> EventQuality:
    """Match alarms to events by the time when they were raised.

    An alarm belongs to the latest event that began before the alarm was raised and ended at most
    ``grace_rows`` before its first row. An alarm that was raised before an event began does not detect it:
    the operator learns nothing new. Several alarms of an event are all true; the first counts for the delay.
    """
    events = ranges_of(anomalous)
    matches = matched_events(alarms, events, grace_rows)
    first_raised: dict[int, int] = {}
    for alarm, event in zip(alarms, matches, strict=True):
        if event is not None:
            first_raised[event] = min(alarm.raised, first_raised.get(event, alarm.raised))
    return EventQuality(
        events=len(events.first),
        found=len(first_raised),
        alarms=len(alarms),
        false_alarms=sum(event is None for event in matches),
        normal_weeks=float((~anomalous).sum() / rows_per_week),
        delays=tuple(raised - int(events.first[event]) for event, raised in sorted(first_raised.items())),
    )


def matched_events(alarms: Sequence[Alarm], events: Ranges, grace_rows: int = GRACE_ROWS) -> list[int | None]:
    """The index of the event that each alarm belongs to; None for a false alarm."""
    return [_matched_event(alarm, events, grace_rows) for alarm in alarms]


def combine(parts: Sequence[EventQuality]) -> EventQuality:
    """Add up the counts of several series."""
    return EventQuality(
        events=sum(part.events for part in parts),
        found=sum(part.found for part in parts),
        alarms=sum(part.alarms for part in parts),
        false_alarms=sum(part.false_alarms for part in parts),
        normal_weeks=sum(part.normal_weeks for part in parts),
        delays=tuple(delay for part in parts for delay in part.delays),
    )


def alarmed_rows(alarms: Sequence[Alarm], rows: int) -> Labels:
    """``[rows]``: true during an alarm."""
    first = np.array([alarm.first for alarm in alarms], dtype=np.int64)
    stop = np.array([alarm.stop for alarm in alarms], dtype=np.int64)
    return mask_of(Ranges(first, stop), rows)


def _matched_event(alarm: Alarm, events: Ranges, grace_rows: int) -> int | None:
    matching = (events.first < alarm.raised) & (alarm.first < events.stop + grace_rows)
    return int(np.flatnonzero(matching)[-1]) if matching.any() else None
