"""Which rows are normal: all but exclusions, faults, and alarms that look like faults.

The rule for an episode is :attr:`TrainingEpisode.cause`; :func:`excluded_spans` adds exclusions, margins and
new normals. :mod:`tfstream.app.training.training_data` applies it to the stored
readings of a stream.
"""

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
_MIN_BLAME = 0.1  # least share of the blame for an instrument fault to exclude the sensor
_CLEAR_FACTOR = 20  # times rarer than the budget allows: then an alarm is clear

Mask = NDArray[np.bool_]


class ExclusionCause(StrEnum):
    """Why readings are left out; where several causes apply, the first in this order counts."""

    EXCLUSION = "exclusions"
    CONFIRMED = "confirmed anomalies"
    OPEN = "open anomalies"
    INSTRUMENT = "instrument faults"
    CLEAR = "clear anomalies that nobody has judged"
    BEFORE = "before a new normal"
    STANDS_OUT = "spans that stand out"
    GAP = "gaps"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingEpisode:
    """An episode as training sees it.

    ``expected_per_week`` is how often normal data raise an alarm as high as this; ``budget`` is how many
    alarms a week its asset may raise; ``shares`` is the blame of each sensor by name.
    """

    asset: str
    kind: EventKind
    start_us: int
    end_us: int | None
    verdict: Verdict | None
    accepted_us: int | None  # since when a new normal is accepted; None: since the start
    expected_per_week: float
    budget: float
    shares: dict[str, float]

    @property
    def accepted_from_us(self) -> int | None:
        """Since when the readings are a new normal; None if the episode is no new normal."""
        if self.verdict is not Verdict.NEW_NORMAL:
            return None
        return self.start_us if self.accepted_us is None else self.accepted_us

    @property
    def cause(self) -> ExclusionCause | None:
        """Why its readings are left out; None: they are learnt from."""
        if self.kind is EventKind.SILENCE or self.verdict not in (None, Verdict.CONFIRMED):
            return None
        if self.verdict is Verdict.CONFIRMED:
            return ExclusionCause.CONFIRMED
        if self.end_us is None:
            return ExclusionCause.OPEN
        if self.kind is EventKind.INSTRUMENT:
            return ExclusionCause.INSTRUMENT
        return ExclusionCause.CLEAR if self.expected_per_week < self.budget / _CLEAR_FACTOR else None

    @property
    def judged_normal(self) -> Span | None:
        """The span in which somebody has said that there was no fault; None if nobody has.

        After a new normal everything stands out from a champion that does not know it, and the older rows
        have been moved to its level.
        """
        if self.verdict is Verdict.NEW_NORMAL:
            return Span(-_FOREVER_US, _FOREVER_US)
        if self.verdict in (Verdict.FALSE_ALARM, Verdict.EXPECTED):
            return Span(self.start_us, _FOREVER_US if self.end_us is None else self.end_us)
        return None

    def concerns(self, sensors: Sequence[str]) -> Mask:
        """``[sensors]``: an instrument fault concerns the blamed sensors, any other episode all sensors."""
        blamed = [self.shares.get(name, 0.0) >= _MIN_BLAME for name in sensors]
        some = self.kind is EventKind.INSTRUMENT and any(blamed)
        return np.array(blamed if some else [True] * len(sensors), dtype=np.bool_)


class ExcludedSpan(NamedTuple):
    """A span that is left out for the sensors of the mask ``sensors [sensors]``, and why."""

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
    """The spans left out of an asset's readings within a span, in the order in which causes count.

    ``margin_us`` is added before and after each exclusion and fault: readings may be abnormal already, or
    still.
    """
    wide = within.widened(margin_us, margin_us)
    cuts = [
        ExcludedSpan(
            ExclusionCause.EXCLUSION, span.widened(margin_us, margin_us), _matching(exclusion.sensor, sensors)
        )
        for exclusion in exclusions
        if exclusion.concerns(asset)
        for span in exclusion.occurrences(wide)
    ]
    cuts += [
        ExcludedSpan(cause, span, episode.concerns(sensors))
        for episode in episodes
        if episode.asset == asset
        for cause, span in _episode_spans(episode, margin_us)
    ]
    return sorted(cuts, key=lambda cut: list(ExclusionCause).index(cut.cause))


def _episode_spans(episode: TrainingEpisode, margin_us: int) -> Iterator[tuple[ExclusionCause, Span]]:
    """All of a fault; of a new normal only the transition, which may be longer than the alarm."""
    if episode.accepted_from_us is not None:
        start_us = min(episode.start_us, episode.accepted_from_us)
        yield ExclusionCause.BEFORE, Span(start_us - margin_us, episode.accepted_from_us)
    elif episode.cause is not None:
        end_us = _FOREVER_US if episode.end_us is None else episode.end_us + margin_us
        yield episode.cause, Span(episode.start_us - margin_us, end_us)


def _matching(pattern: str | None, sensors: Sequence[str]) -> Mask:
    return np.array([matches(pattern, name) for name in sensors], dtype=np.bool_)
