"""Compare alarms with labelled faults: which faults were found, after what delay, with which sensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfstream.demo.plant.faults import PlantFault


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedEpisode:
    """An episode as an operator sees it: it starts when its alarm is raised.

    ``end_us`` is None while the episode is open. ``sensors`` are ranked, the largest share first.
    """

    episode: str
    asset: str
    start_us: int
    end_us: int | None
    sensors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultOutcome:
    """A fault and its episodes in order of time; no episode means that the fault was missed."""

    fault: PlantFault
    detections: tuple[DetectedEpisode, ...]

    @property
    def found(self) -> bool:
        """Whether the fault has an episode."""
        return bool(self.detections)

    @property
    def delay_us(self) -> int | None:
        """Time from the fault's start to the first alarm; 0 for an alarm before the start."""
        return max(0, self.detections[0].start_us - self.fault.start_us) if self.detections else None

    @property
    def rank(self) -> int | None:
        """The best rank of an affected sensor in the first alarm, from 1; None if the alarm names none."""
        ranked = self.detections[0].sensors if self.detections else ()
        ranks = [rank for rank, sensor in enumerate(ranked, start=1) if sensor in self.fault.sensors]
        return min(ranks, default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The outcome of every fault, in the order of the faults, and the episodes without a fault."""

    outcomes: tuple[FaultOutcome, ...]
    false_alarms: tuple[DetectedEpisode, ...]

    @property
    def found(self) -> int:
        """The number of faults that were found."""
        return sum(outcome.found for outcome in self.outcomes)


def compare(
    detections: Sequence[DetectedEpisode], faults: Sequence[PlantFault], *, grace_us: int, early_us: int = 0
) -> Comparison:
    """Match every alarm to a fault by the time when the alarm was raised.

    An alarm belongs to the latest fault of its asset that started before it, if the fault ended less than
    ``grace_us`` before the alarm. An alarm may precede the fault's start by ``early_us``. An alarm raised
    earlier does not find the fault, even if its episode is still open: it tells the operator nothing new.
    """
    causes = {detection.episode: _cause(detection, faults, grace_us, early_us) for detection in detections}
    in_order = sorted(detections, key=lambda detection: detection.start_us)
    outcomes = tuple(
        FaultOutcome(fault=fault, detections=tuple(d for d in in_order if causes[d.episode] is fault))
        for fault in faults
    )
    return Comparison(outcomes=outcomes, false_alarms=tuple(d for d in in_order if causes[d.episode] is None))


def _cause(
    detection: DetectedEpisode, faults: Sequence[PlantFault], grace_us: int, early_us: int
) -> PlantFault | None:
    candidates = [
        fault
        for fault in faults
        if fault.asset == detection.asset
        and fault.start_us - early_us <= detection.start_us < fault.end_us + grace_us
    ]
    return max(candidates, key=lambda fault: fault.start_us, default=None)
