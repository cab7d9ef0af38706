"""When the checks of instruments raise an alarm about faulty copies of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection_limits.fault_sites import FaultSite
from tfstream.app.detection_limits.faulty_copy import NEVER, FaultyCopy, Rows
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.instrument_state import InstrumentState
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.model.scoring.detector import Detector

_WINDOW_ROWS = 64  # that the checks look back to
_LEAD_ROWS = 1_024  # that show how long a sensor has had its value

Cells = NDArray[np.bool_]


class InstrumentTrials:
    """The checks of a model at the sites. They look at each sensor alone.

    Therefore the faults of many copies are checked in one copy of the rows, each in its own sensor.
    """

    def __init__(self, definition: StreamDefinition, detector: Detector, sites: Sequence[FaultSite]) -> None:
        self._sites = sites
        self._least = -(-definition.min_duration_us // definition.interval_us)
        self._monitors = []
        for site in sites:
            rule = alarm_rule(definition, detector, site.asset)
            per_week = rule.budget_per_week * rule.shares.instruments
            self._monitors.append(InstrumentMonitor(replace(detector.instruments, per_week=per_week)))
        self._clean = [self._beyond(number, site.clean) for number, site in enumerate(sites)]

    def alarm_rows(self, copies: Sequence[FaultyCopy]) -> Rows:
        """The row at which each copy raises an alarm, ``NEVER`` where none does: ``[copies]``."""
        rows = np.full(len(copies), NEVER)
        batches: dict[tuple[int, str], list[int]] = {}
        for number, copy in enumerate(copies):
            batches.setdefault((copy.site, copy.fault), []).append(number)
        for (site, _), numbers in batches.items():
            shown = self._sites[site].clean.copy()
            for number in numbers:
                shown[:, copies[number].sensor] = copies[number].shown
            beyond = self._beyond(site, shown) & ~self._clean[site]
            for number in numbers:
                rows[number] = self._raised(np.flatnonzero(beyond[:, copies[number].sensor]))
        return rows

    def _beyond(self, number: int, shown: Values) -> Cells:
        """``[rows, sensors]``: whether a check of the sensor is beyond its limit at the row."""
        site, monitor = self._sites[number], self._monitors[number]
        lead = min(site.lead, _LEAD_ROWS)
        rows = np.concatenate([site.rows[site.lead - lead : site.lead], shown])
        state = InstrumentState.initial(rows.shape[1], site.start - lead)
        beyond = np.zeros(shown.shape, dtype=np.bool_)
        for excess in monitor.excesses(state, rows, site.start + len(shown) - 1, site.asset):
            if excess.row >= site.start:
                beyond[excess.row - site.start, excess.sensor] = True
        return beyond

    def _raised(self, rows: Rows) -> int:
        """The row at which findings at ``rows`` have lasted for as long as an alarm of the stream needs."""
        lasting = rows[rows - rows[0] + 1 >= self._least] if len(rows) else rows
        return int(lasting[0]) if len(lasting) else NEVER
