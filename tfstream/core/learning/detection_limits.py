"""Detection limits: the smallest faults of single sensors for which a model raises an alarm in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tfstream.core.alarms.poisson import at_most
from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.stream import WEEK_US

_NEXT_SIZE = 2**0.5
_BY_CHANCE = 0.05  # a count of alarms with at least this probability shows nothing
LEAST_PREDICTED = 0.25  # of a sensor's variance: below it, no other sensor vouches for the sensor


class FaultLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest detected fault of a kind: ``deviations`` of the sensor, and ``size`` in its own units.

    A stuck sensor has no size: ``after_s`` is the time until its alarm. All are None where no fault of the
    kind raises an alarm in time, up to the largest size tried.
    """

    deviations: float | None = None
    size: float | None = None
    after_s: float | None = None

    @property
    def found(self) -> bool:
        """Whether a fault of this kind raises an alarm in time."""
        return self.deviations is not None or self.after_s is not None

    def or_above(self, above: float) -> float:
        """The size in deviations; ``above`` where no size that was tried was found."""
        return above if self.deviations is None else self.deviations


class SensorLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a sensor by the kind of fault.

    ``deviation`` is the sensor's own, in its units. ``limits`` leave out kinds that change nothing: a sensor
    that does not move cannot stick. ``predicted`` is the share of its variance on the held-out rows that the
    other sensors predict; None where the sensor does not move there, or nothing compares it with the others.
    """

    sensor: str
    deviation: float
    limits: dict[str, FaultLimit]
    predicted: float | None = None


class DetectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a model's sensors, for alarms ``within_s`` seconds under ``budget_per_week``.

    They were measured at ``sites`` places of the held-out rows of ``assets``. ``untested`` sensors are
    counters, sensors without a value, and those beyond the number that can be tested in the time.
    ``compared`` is false where no witness compares the levels of the sensors with each other.
    """

    within_s: float
    budget_per_week: float
    sites: int
    assets: tuple[str, ...]
    largest: float
    sensors: tuple[SensorLimits, ...]
    untested: tuple[str, ...]
    compared: bool

    @property
    def above(self) -> float:
        """The size, in deviations, that stands for a fault that was not found: the next larger one."""
        return self.largest * _NEXT_SIZE

    def of_kind(self, fault: SensorFault) -> list[FaultLimit]:
        """The limits of all sensors that can have a fault of this kind."""
        return [each.limits[fault.value] for each in self.sensors if fault.value in each.limits]

    @property
    def unpredicted(self) -> tuple[str, ...]:
        """The sensors for which no other sensor vouches; none where no sensors are compared."""
        shares = [(each.sensor, each.predicted) for each in self.sensors]
        return tuple(name for name, share in shares if share is not None and share < LEAST_PREDICTED)

    def found_by_chance(self, fault: SensorFault) -> bool:
        """Whether chance alone finds as many sensors with this fault: false alarms come at any time."""
        limits = self.of_kind(fault)
        found = sum(limit.found for limit in limits)
        expected = len(limits) * self.budget_per_week * self.within_s * 1e6 / WEEK_US
        return bool(limits) and 1 - at_most(found - 1, expected) > _BY_CHANCE

    def as_metrics(self) -> dict[str, Any]:
        """The limits as JSON values, for the metrics that are stored with the model."""
        stored: dict[str, Any] = msgspec.to_builtins(self)
        return {**stored, "unpredicted": list(self.unpredicted)}


def from_metrics(metrics: Mapping[str, Any]) -> DetectionLimits | None:
    """The limits in a model's stored metrics; None where none were measured."""
    stored = metrics.get("detection_limits")
    return None if stored is None else msgspec.convert(stored, DetectionLimits)
