"""Faults with labels: the kind of each fault, its asset and sensors, its start and end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tfstream.core.reading import Series, Values
from tfstream.demo.plant.signals import NoiseSource


class PlantFaultKind(StrEnum):
    """What happens to the target sensor, or to the plant. A deviation is the sensor's standard deviation."""

    STUCK = "stuck"  # repeats the last value before the fault
    DRIFT = "drift"  # departs slowly, by `size` deviations at the end
    OFFSET = "offset"  # is wrong by `size` deviations from the start
    NOISE = "noise"  # gets noise of `size` deviations
    DECOUPLED = "decoupled"  # shows the values of `size` rows earlier: plausible, but of another time
    ATTACK = "attack"  # a valve is forced to position `size` (0 shut, 1 open), and the plant reacts


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantFault:
    """A labelled fault. ``sensors`` are the sensors it affects; the first is its target."""

    asset: str
    kind: PlantFaultKind
    sensors: tuple[str, ...]
    start_us: int
    end_us: int  # not included
    size: float = 0.0

    @property
    def target_sensor(self) -> str:
        """The sensor that is wrong, or the position of the valve that is forced."""
        return self.sensors[0]


def attacks(faults: Iterable[PlantFault]) -> list[PlantFault]:
    """Return the faults that the simulation itself must carry out."""
    return [fault for fault in faults if fault.kind is PlantFaultKind.ATTACK]


def inject(
    series: Sequence[Series], sensors: Sequence[str], faults: Iterable[PlantFault], seed: int
) -> list[Series]:
    """Return copies of the series with all faults except attacks; no value outside a fault changes."""
    clean = {part.asset: part for part in series}
    faulty = {part.asset: part._replace(values=part.values.copy()) for part in series}
    noise = NoiseSource(seed)
    for fault in faults:
        if fault.kind is not PlantFaultKind.ATTACK:
            column = list(sensors).index(fault.target_sensor)
            times_us = clean[fault.asset].times_us
            first, last = np.searchsorted(times_us, (fault.start_us, fault.end_us))
            readings = clean[fault.asset].values[:, column]
            faulty[fault.asset].values[first:last, column] = _faulty_values(
                readings, int(first), int(last), fault, noise
            )
    return list(faulty.values())


def _faulty_values(clean: Values, first: int, last: int, fault: PlantFault, noise: NoiseSource) -> Values:
    """The values of rows ``first`` to ``last`` (not included), from all clean readings ``[rows]``."""
    during, deviation = clean[first:last], float(np.nanstd(clean))
    match fault.kind:
        case PlantFaultKind.STUCK:
            values = np.full(last - first, clean[max(first - 1, 0)])
        case PlantFaultKind.DRIFT:
            values = during + fault.size * deviation * np.linspace(0.0, 1.0, last - first)
        case PlantFaultKind.OFFSET:
            values = during + fault.size * deviation
        case PlantFaultKind.NOISE:
            added = noise.normal(f"{fault.asset} {fault.target_sensor} {fault.start_us}", (last - first,))
            values = during + fault.size * deviation * added
        case _:
            earlier = np.arange(first, last) - round(fault.size)
            values = clean[earlier % len(clean)]  # rows before the first come from the end
    return values.astype(np.float32)
