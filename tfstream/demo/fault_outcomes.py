"""Compare alarms with labelled faults: which faults were found, after what delay, with which sensors.

An alarm belongs to a fault by the rule of ``tfstream evaluate``, applied to the row at which the alarm was
raised. A fault is found only by an alarm that belongs to it and names a sensor that the fault touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from tfstream.core.alarms.episode import MAIN_SENSOR_SHARE
from tfstream.core.quality.event_quality import Alarm, matched_events
from tfstream.core.quality.ranges import Ranges
from tfstream.demo.plant.faults import PlantFault


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedEpisode:
    """An episode as an operator sees it: its alarm is raised at ``raised_us``.

    ``ended_us`` is None while the episode is open. ``sensors`` are all the sensors that it lists, the largest
    share first; ``main_sensors`` are those of them that count as named, see :func:`main_sensors_of`.
    """

    episode: str
    asset: str
    raised_us: int
    ended_us: int | None
    sensors: tuple[str, ...]
    main_sensors: tuple[str, ...]

    def names(self, fault: PlantFault) -> bool:
        """Whether it names a sensor that the fault touched."""
        return any(sensor in fault.sensors for sensor in self.main_sensors)


def main_sensors_of(shares: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    """The sensors that an episode blames: its first, and those with a share that the product calls large.

    An episode lists up to five sensors, some with less than a hundredth of the evidence: a fault would be
    found by chance if each of them counted.

    :param shares: the episode's sensors with their shares, the largest first.
    """
    return tuple(name for rank, (name, share) in enumerate(shares) if rank == 0 or share >= MAIN_SENSOR_SHARE)


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultOutcome:
    """A fault and its alarms in order of time.

    ``detections`` name a sensor that the fault touched; ``other_alarms`` name other sensors only, and do not
    find the fault.
    """

    fault: PlantFault
    detections: tuple[DetectedEpisode, ...]
    other_alarms: tuple[DetectedEpisode, ...]

    @property
    def found(self) -> bool:
        """Whether an alarm of the fault names a sensor that the fault touched."""
        return bool(self.detections)

    @property
    def delay_us(self) -> int | None:
        """Time from the fault's start to the first alarm that finds it."""
        return self.detections[0].raised_us - self.fault.start_us if self.detections else None

    @property
    def rank(self) -> int | None:
        """The best rank of a touched sensor in the first alarm that finds the fault, from 1."""
        if not self.detections:
            return None
        ranked = self.detections[0].sensors
        return min(ranked.index(sensor) + 1 for sensor in self.fault.sensors if sensor in ranked)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The outcome of every fault, in the order of the faults, and all alarms that find no fault.

    ``false_alarms`` include the ``other_alarms`` of the outcomes: an alarm that blames the wrong sensors
    sends the operator to the wrong place, whether something else is wrong at the time or not.
    """

    outcomes: tuple[FaultOutcome, ...]
    false_alarms: tuple[DetectedEpisode, ...]

    @property
    def found(self) -> int:
        """The number of faults that were found."""
        return sum(outcome.found for outcome in self.outcomes)

    def fault_during(self, alarm: DetectedEpisode) -> PlantFault | None:
        """The fault during which a false alarm was raised; None if there was none."""
        during = (outcome.fault for outcome in self.outcomes if alarm in outcome.other_alarms)
        return next(during, None)

    @property
    def ranked_first(self) -> int:
        """The number of found faults whose first alarm ranks a touched sensor first."""
        return sum(outcome.rank == 1 for outcome in self.outcomes)

    @property
    def median_delay_us(self) -> float | None:
        """The median delay of the faults that were found; None if none was found."""
        delays = [outcome.delay_us for outcome in self.outcomes if outcome.delay_us is not None]
        return median(delays) if delays else None


def compare(
    detections: Iterable[DetectedEpisode], faults: Sequence[PlantFault], *, interval_us: int
) -> Comparison:
    """Match every alarm to a fault of its asset by the row at which the alarm was raised.

    An alarm belongs to the latest fault that began before it, if that fault had ended at most ``GRACE_ROWS``
    rows of ``interval_us`` before. An alarm raised before the fault began does not find it, even if its
    episode is still open: it tells the operator nothing new.
    """
    in_order = sorted(detections, key=lambda detection: detection.raised_us)
    causes = _causes(in_order, faults, interval_us)
    outcomes = tuple(
        _outcome(fault, [d for d in in_order if causes.get(d.episode) is fault]) for fault in faults
    )
    finding = {detection.episode for outcome in outcomes for detection in outcome.detections}
    return Comparison(
        outcomes=outcomes,
        false_alarms=tuple(detection for detection in in_order if detection.episode not in finding),
    )


def _outcome(fault: PlantFault, alarms: Sequence[DetectedEpisode]) -> FaultOutcome:
    return FaultOutcome(
        fault=fault,
        detections=tuple(alarm for alarm in alarms if alarm.names(fault)),
        other_alarms=tuple(alarm for alarm in alarms if not alarm.names(fault)),
    )


def _causes(
    detections: Iterable[DetectedEpisode], faults: Iterable[PlantFault], interval_us: int
) -> dict[str, PlantFault]:
    """The fault that each alarm belongs to, by episode; false alarms are missing."""
    causes: dict[str, PlantFault] = {}
    by_start = sorted(faults, key=lambda fault: fault.start_us)
    for asset in {fault.asset for fault in by_start}:
        own = [fault for fault in by_start if fault.asset == asset]
        alarms = [detection for detection in detections if detection.asset == asset]
        matches = matched_events(
            [_raised_row(alarm, interval_us) for alarm in alarms], _rows(own, interval_us)
        )
        for alarm, match in zip(alarms, matches, strict=True):
            if match is not None:
                causes[alarm.episode] = own[match]
    return causes


def _raised_row(detection: DetectedEpisode, interval_us: int) -> Alarm:
    """The alarm as the one row at which it was raised."""
    stop = detection.raised_us // interval_us
    return Alarm(first=stop - 1, raised=stop, stop=stop)


def _rows(faults: Sequence[PlantFault], interval_us: int) -> Ranges:
    first = [fault.start_us // interval_us for fault in faults]
    stop = [-(-fault.end_us // interval_us) for fault in faults]
    return Ranges(np.array(first, dtype=np.int64), np.array(stop, dtype=np.int64))
