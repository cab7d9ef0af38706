"""When the score raises an alarm about faulty copies of rows.

A score takes a hundred times as long as the values of the witnesses. Therefore only some hops are scored.
The score reacts to change: of a drift, the last hops change as much as any, and of other faults the first
ones. Where a witness looks at levels, only noise is scored: of the other kinds that witness finds all that
the score finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.score_batch import ScoringInput, alarm_rule, score_batch, scoreable
from tfstream.app.detection_limits.fault_sites import FaultSite
from tfstream.app.detection_limits.faulty_copy import FaultyCopy, Rows, StandingAlarms
from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.messages.witness import Witness
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.scoring.detector import Detector

_HOPS = 8
_WINDOWS_AT_ONCE = 2_048


class ScoreTrials:
    """The score of a model at the sites, from an asset's usual level on.

    A hop whose score exceeds the threshold without the fault, too, says nothing about the fault.
    """

    def __init__(self, definition: StreamDefinition, detector: Detector, sites: Sequence[FaultSite]) -> None:
        self._detector, self._sites = detector, sites
        rules = [alarm_rule(definition, detector, site.asset) for site in sites]
        self._thresholds = [rule.score_threshold for rule in rules]
        rows, hop = len(sites[0].clean), detector.hop_rows
        self._least = -(-definition.min_duration_us // (definition.interval_us * hop))
        self._hops = min(_HOPS + self._least, rows // hop)
        self._first = {
            fault: rows - self._hops * hop if fault is SensorFault.DRIFT else 0 for fault in SensorFault
        }
        levels = any(tail.witness is Witness.LEVELS for tail in detector.witnesses.admitted)
        self._scored = (SensorFault.NOISE,) if levels else tuple(SensorFault)
        self._clean = {
            (number, first): self._over([FaultyCopy(number, 0, SensorFault.OFFSET, site.clean[:, 0])], first)[
                :, 0
            ]
            for number, site in enumerate(sites)
            for first in dict.fromkeys(self._first.values())
        }

    def alarm_rows(self, copies: Sequence[FaultyCopy]) -> Rows:
        """The row at which each copy raises an alarm, ``NEVER`` where none does: ``[copies]``."""
        alarms = StandingAlarms(len(copies), self._least)
        hop = self._detector.hop_rows
        at_once = max(_WINDOWS_AT_ONCE // (self._hops + 1), 1)
        for first in dict.fromkeys(self._first.values()):
            own = [
                number
                for number, copy in enumerate(copies)
                if copy.fault in self._scored and self._first[copy.fault] == first
            ]
            for at in range(0, len(own), at_once):
                some = np.array(own[at : at + at_once])
                batch = [copies[number] for number in some.tolist()]
                over = self._over(batch, first)
                over &= ~np.stack([self._clean[copy.site, first] for copy in batch], axis=1)
                for number, over_now in enumerate(over, start=1):
                    alarms.follow(first + number * hop - 1, some, over_now)
        return alarms.rows

    def _over(self, copies: Sequence[FaultyCopy], first: int) -> NDArray[np.bool_]:
        """Whether the score of each hop from row ``first`` on exceeds the threshold: ``[hops, copies]``."""
        inputs = [each for number, copy in enumerate(copies) for each in self._windows(number, copy, first)]
        over = np.zeros((self._hops + 1, len(copies)), dtype=np.bool_)
        hop = self._detector.hop_rows
        for each, score in zip(inputs, score_batch(self._detector, inputs), strict=True):
            site = copies[each.partition].site
            value = self._detector.calibration.initial_baseline(each.asset).normalised(score.score)
            over[each.window.end_index // hop, each.partition] = value >= self._thresholds[site]
        return over[1:]

    def _windows(self, number: int, copy: FaultyCopy, first: int) -> list[ScoringInput]:
        """The windows of a copy that end with the hops from ``first`` on, after one for the smoothing."""
        site, size, hop = self._sites[copy.site], self._detector.window_rows, self._detector.hop_rows
        lead = min(site.lead, size)
        rows = site.rows[site.lead - lead :].copy()
        rows[lead:, copy.sensor] = copy.shown
        ends = [lead + first + place * hop for place in range(self._hops + 1)]
        return [
            ScoringInput(number, site.asset, Window(place * hop, rows[end - size : end], 0, 0), None)
            for place, end in enumerate(ends)
            if end >= size and scoreable(rows[end - size : end], self._detector)
        ]
