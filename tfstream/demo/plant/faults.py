"""Faults with a label: what is wrong, at which asset, with which sensors, from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tfstream.core.reading import Series, Values
from tfstream.demo.plant.signals import NoiseSource


class PlantFaultKind(StrEnum):
    """What happens to a sensor, or to the plant."""

    STUCK = "stuck"  # shows the last value over and over
    DRIFT = "drift"  # departs slowly, by `size` deviations at the end
    OFFSET = "offset"  # is wrong by `size` deviations at once
    NOISE = "noise"  # rattles with `size` deviations
    DECOUPLED = "decoupled"  # plausible values of another time: shows what was `size` rows ago
    ATTACK = "attack"  # a valve is forced to position `size` (0 shut, 1 open), and the plant answers


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantFault:
    """One piece of the truth. ``sensors`` may be blamed for it, the one that is meddled with first."""

    asset: str
    kind: PlantFaultKind
    sensors: tuple[str, ...]
    start_us: int
    end_us: int  # not included
    size: float = 0.0

    @property
    def meddled(self) -> str:
        return self.sensors[0]


def attacks(faults: Iterable[PlantFault]) -> list[PlantFault]:
    """Those that the simulation itself must carry out."""
    return [fault for fault in faults if fault.kind is PlantFaultKind.ATTACK]


def inject(
    series: Sequence[Series], sensors: Sequence[str], faults: Iterable[PlantFault], seed: int
) -> list[Series]:
    """Copies of the series with all faults but the attacks in them; no cell outside a label changes."""
    out = {each.asset: each._replace(values=each.values.copy()) for each in series}
    whole = {each.asset: each for each in series}
    dice = NoiseSource(seed)
    for fault in faults:
        if fault.kind is not PlantFaultKind.ATTACK:
            column = list(sensors).index(fault.meddled)
            first, last = np.searchsorted(whole[fault.asset].times_us, (fault.start_us, fault.end_us))
            clean = whole[fault.asset].values[:, column]
            wrong = _meddle(clean, int(first), int(last), fault, dice)
            out[fault.asset].values[first:last, column] = wrong
    return list(out.values())


def _meddle(clean: Values, first: int, last: int, fault: PlantFault, dice: NoiseSource) -> Values:
    """What the sensor shows from row ``first`` to ``last``, given all its clean readings."""
    during, deviation = clean[first:last], float(np.nanstd(clean))
    match fault.kind:
        case PlantFaultKind.STUCK:
            wrong = np.full(last - first, clean[max(first - 1, 0)])
        case PlantFaultKind.DRIFT:
            wrong = during + fault.size * deviation * np.linspace(0.0, 1.0, last - first)
        case PlantFaultKind.OFFSET:
            wrong = during + fault.size * deviation
        case PlantFaultKind.NOISE:
            rattle = dice.normal(f"{fault.asset} {fault.meddled} {fault.start_us}", (last - first,))
            wrong = during + fault.size * deviation * rattle
        case _:
            back = np.arange(first, last) - round(fault.size)
            wrong = clean[back % len(clean)]  # before the first row: from the end
    return wrong.astype(np.float32)
