"""What is learnt from: everything but exclusions, faults, and alarms that look like faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.pattern import matches
from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.spans import Span

_FOREVER_US = 1 << 62
_NAMED = 0.1  # of the blame for an instrument's fault, at least
_RARER = 20  # times rarer than the budget's false alarms: one in so many of them would be

Mask = NDArray[np.bool_]


class ExclusionCause(StrEnum):
    """Why readings are left out; of several, the first counts."""

    EXCLUSION = "exclusions"
    CONFIRMED = "confirmed anomalies"
    OPEN = "open anomalies"
    INSTRUMENT = "instrument faults"
    CLEAR = "clear anomalies that nobody has judged"
    BEFORE = "before a new normal"
    GAP = "gaps"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingEpisode:
    """One anomaly as learning sees it; ``budget`` is what its asset may raise a week."""

    asset: str
    kind: EventKind
    start_us: int
    end_us: int | None
    verdict: Verdict | None
    accepted_us: int | None  # since when a new normal is one, where not since the start
    expected_per_week: float
    budget: float
    shares: dict[str, float]

    @property
    def accepted_from_us(self) -> int | None:
        """Since when it is a new normal, None where it is none."""
        if self.verdict is not Verdict.NEW_NORMAL:
            return None
        return self.start_us if self.accepted_us is None else self.accepted_us

    @property
    def cause(self) -> ExclusionCause | None:
        """Why its readings are left out, or None: they are learnt from."""
        if self.kind is EventKind.SILENCE or self.verdict not in (None, Verdict.CONFIRMED):
            return None
        if self.verdict is Verdict.CONFIRMED:
            return ExclusionCause.CONFIRMED
        if self.end_us is None:
            return ExclusionCause.OPEN
        if self.kind is EventKind.INSTRUMENT:
            return ExclusionCause.INSTRUMENT
        return ExclusionCause.CLEAR if self.expected_per_week < self.budget / _RARER else None

    def concerns(self, sensors: Sequence[str]) -> Mask:
        """``[sensors]``: an instrument's fault spoils the sensors to blame, any other one all."""
        named = [self.shares.get(name, 0.0) >= _NAMED for name in sensors]
        lone = self.kind is EventKind.INSTRUMENT and any(named)
        return np.array(named if lone else [True] * len(sensors), dtype=np.bool_)


class ExcludedSpan(NamedTuple):
    """A span of some sensors ``[sensors]`` that is left out."""

    cause: ExclusionCause
    span: Span
    sensors: Mask


def excluded_spans(
    asset: str,
    sensors: Sequence[str],
    exclusions: Sequence[Exclusion],
    episodes: Sequence[TrainingEpisode],
    within: Span,
    margin_us: int,
) -> list[ExcludedSpan]:
    """What is left out of an asset's readings in a span, in the order in which causes count."""
    wide = within.widened(margin_us, margin_us)
    found = [
        ExcludedSpan(
            ExclusionCause.EXCLUSION, span.widened(margin_us, margin_us), _named(exclusion.sensor, sensors)
        )
        for exclusion in exclusions
        if exclusion.concerns(asset)
        for span in exclusion.occurrences(wide)
    ]
    found += [
        ExcludedSpan(cause, span, episode.concerns(sensors))
        for episode in episodes
        if episode.asset == asset
        for cause, span in _of_episode(episode, margin_us)
    ]
    return sorted(found, key=lambda cut: list(ExclusionCause).index(cut.cause))


def _of_episode(episode: TrainingEpisode, margin_us: int) -> Iterator[tuple[ExclusionCause, Span]]:
    """All of a fault; of a new normal, the way to it: it may have taken the alarm's time and longer."""
    if episode.accepted_from_us is not None:
        begun_us = min(episode.start_us, episode.accepted_from_us)
        yield ExclusionCause.BEFORE, Span(begun_us - margin_us, episode.accepted_from_us)
    elif episode.cause is not None:
        end_us = _FOREVER_US if episode.end_us is None else episode.end_us + margin_us
        yield episode.cause, Span(episode.start_us - margin_us, end_us)


def _named(pattern: str | None, sensors: Sequence[str]) -> Mask:
    return np.array([matches(pattern, name) for name in sensors], dtype=np.bool_)
