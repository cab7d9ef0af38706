"""The alarms beside the labelled faults: what was found, how late, whether the right sensor was blamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfstream.demo.plant.faults import PlantFault


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedEpisode:
    """An episode as an operator saw it, from the moment it was raised; ``end_us`` None while it stands.

    ``sensors`` are ranked, the guiltiest first.
    """

    episode: str
    asset: str
    start_us: int
    end_us: int | None
    sensors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultOutcome:
    """One fault, and the episodes it raised in order of time: none if it was missed."""

    fault: PlantFault
    detections: tuple[DetectedEpisode, ...]

    @property
    def found(self) -> bool:
        return bool(self.detections)

    @property
    def delay_us(self) -> int | None:
        """From the fault's start to the first alarm; 0 for an alarm within the tolerance before it."""
        return max(0, self.detections[0].start_us - self.fault.start_us) if self.detections else None

    @property
    def rank(self) -> int | None:
        """Where the first alarm ranks a guilty sensor, from 1; None if it names none of them."""
        named = self.detections[0].sensors if self.detections else ()
        ranks = [i for i, sensor in enumerate(named, start=1) if sensor in self.fault.sensors]
        return min(ranks, default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All verdicts in order of the faults, and the detections that belong to no fault."""

    verdicts: tuple[FaultOutcome, ...]
    false_alarms: tuple[DetectedEpisode, ...]

    @property
    def found(self) -> int:
        return sum(verdict.found for verdict in self.verdicts)


def compare(
    detections: Sequence[DetectedEpisode], faults: Sequence[PlantFault], *, grace_us: int, early_us: int = 0
) -> Comparison:
    """Match by the moment that the alarm was raised.

    An alarm belongs to the latest fault of its asset that began before it (or at most ``early_us`` after)
    and that had ended no more than ``grace_us`` ago. An alarm that was already up when a fault began does not
    find it: an operator would have learnt nothing new.
    """
    owners = {detection.episode: _owner(detection, faults, grace_us, early_us) for detection in detections}
    in_time = sorted(detections, key=lambda detection: detection.start_us)
    verdicts = tuple(
        FaultOutcome(fault=fault, detections=tuple(d for d in in_time if owners[d.episode] is fault))
        for fault in faults
    )
    return Comparison(verdicts=verdicts, false_alarms=tuple(d for d in in_time if owners[d.episode] is None))


def _owner(
    detection: DetectedEpisode, faults: Sequence[PlantFault], grace_us: int, early_us: int
) -> PlantFault | None:
    candidates = [
        fault
        for fault in faults
        if fault.asset == detection.asset
        and fault.start_us - early_us <= detection.start_us < fault.end_us + grace_us
    ]
    return max(candidates, key=lambda fault: fault.start_us, default=None)
