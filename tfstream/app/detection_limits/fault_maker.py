"""Makes the faulty copies of held-out rows: the same for every model that is tried on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection_limits.fault_sites import FaultSite
from tfstream.app.detection_limits.faulty_copy import FaultyCopy
from tfstream.core.faults.sensor_faults import SensorFault, faulty_values
from tfstream.core.instruments.counters import find_counters
from tfstream.core.reading import Series
from tfstream.core.scaler import Scaler

_VISIBLE = 0.25  # deviations, root mean square: a smaller change is no fault
_LEAST_KNOWN = 0.5  # of a sensor's values at a site
_FAULTS = tuple(SensorFault)

Array = NDArray[np.float64]


def testable_sensors(learn: Sequence[Series]) -> NDArray[np.int64]:
    """The sensors that can have these faults, by column: the level of a counter says nothing."""
    values = np.any([np.isfinite(piece.values).any(axis=0) for piece in learn], axis=0)
    values[list(find_counters(learn))] = False
    return np.flatnonzero(values)


class FaultMaker:
    """Faults at ``sites``, in units of each sensor's deviation in the rows ``learn``."""

    def __init__(self, sites: Sequence[FaultSite], learn: Sequence[Series], seed: int) -> None:
        self.sites, self._seed = sites, seed
        scaler = Scaler.fit(learn)
        self._units = scaler.scale[scaler.rows_of([site.asset for site in sites])]
        self.deviations: Array = np.median(scaler.scale[:-1] if scaler.assets else scaler.scale, axis=0)

    def copies(self, sensor: int, fault: SensorFault, deviations: float) -> list[FaultyCopy]:
        """A copy for each site at which the fault shows; ``deviations`` is its size."""
        every = [self._copy(site, sensor, fault, deviations) for site in range(len(self.sites))]
        return [copy for copy in every if copy is not None]

    def _copy(self, number: int, sensor: int, fault: SensorFault, deviations: float) -> FaultyCopy | None:
        site, unit = self.sites[number], float(self._units[number, sensor])
        clean = site.clean[:, sensor]
        known = site.rows[: site.lead, sensor]
        known = known[np.isfinite(known)]
        if np.isfinite(clean).mean() < _LEAST_KNOWN or not len(known):
            return None
        rng = np.random.default_rng([self._seed, number, sensor, _FAULTS.index(fault)])
        shown = faulty_values(fault, clean, float(known[-1]), deviations * unit, rng)
        change = np.sqrt(np.nanmean((shown.astype(np.float64) - clean) ** 2))
        if not fault.sized and change < _VISIBLE * unit:
            return None
        return FaultyCopy(number, sensor, fault, shown)
