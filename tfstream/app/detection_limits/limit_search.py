"""Searches the smallest fault of every sensor and kind for which a model raises an alarm in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection_limits.fault_maker import FaultMaker, testable_sensors
from tfstream.app.detection_limits.fault_sites import MOST_SITES, FaultSite, choose_sites, fault_rows
from tfstream.app.detection_limits.faulty_copy import NEVER, FaultyCopy, Rows
from tfstream.app.detection_limits.instrument_trials import InstrumentTrials
from tfstream.app.detection_limits.predicted_sensors import predicted_shares
from tfstream.app.detection_limits.score_trials import ScoreTrials
from tfstream.app.detection_limits.witness_trials import WitnessTrials
from tfstream.core.faults.sensor_faults import SIZES, SensorFault
from tfstream.core.learning.detection_limits import DetectionLimits, FaultLimit, SensorLimits
from tfstream.core.learning.held_out import HeldOut
from tfstream.core.messages.anomaly_event import rounded
from tfstream.core.stream import StreamDefinition
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.detector import Detector

_LEAST_US, _LEARNT_TIMES = 5e6, 3  # the search may take 5 s, or as long as three times the rows learnt from
_ROW_US, _SQUARE_US = 4.0, 1e-4  # what a row costs the witnesses: for itself, and for each pair of sensors
_SIZED = tuple(fault for fault in SensorFault if fault.sized)
_ROUNDS = len(_SIZED) * len(SIZES).bit_length() + 1  # of a sensor: the bisections, and the stuck sensor

Pair = tuple[int, SensorFault]
Integers = NDArray[np.int64]


class LimitSearch:
    """The faults in the held-out rows of a stream: the same for every model whose limits are searched."""

    def __init__(self, definition: StreamDefinition, held: HeldOut, seed: int) -> None:
        self._definition, self._held = definition, held
        self._rows = fault_rows(held, definition.interval_us)
        if self._rows:
            testable = testable_sensors(held.learn)
            sites, self._tested = self._affordable(testable)
            self._sites = choose_sites(held, definition.interval_us, self._rows, sites)
            self._maker = FaultMaker(self._sites, held.learn, seed)

    @one_thread()
    def limits(self, detector: Detector) -> DetectionLimits | None:
        """The limits of a model that has not learnt from the held-out rows; None: there are too few rows."""
        if not self._rows:
            return None
        trials = _Trials(self._definition, detector, self._sites)
        sizes = self._smallest(trials)
        times = self._times(trials)
        predicted = predicted_shares(self._definition, detector, self._held.pieces)
        return DetectionLimits(
            within_s=self._rows * self._row_s,
            budget_per_week=self._definition.alarm_budget_per_week,
            sites=len(self._sites),
            assets=tuple(dict.fromkeys(site.asset for site in self._sites)),
            largest=SIZES[-1],
            sensors=tuple(self._sensor(sensor, {**sizes, **times}, predicted) for sensor in self._tested),
            untested=self._names(sorted(set(range(len(self._definition.sensors))) - set(self._tested))),
            compared=predicted is not None,
        )

    @property
    def _row_s(self) -> float:
        return self._definition.interval_us / 1e6

    def _names(self, sensors: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._definition.sensors[sensor] for sensor in sensors)

    def _affordable(self, testable: Integers) -> tuple[int, list[int]]:
        """The number of sites, and the sensors that can be tested there in the time.

        Fewer sites come before fewer sensors. Of too many sensors, every so many one is tested.
        """
        row_us = _ROW_US + _SQUARE_US * len(self._definition.sensors) ** 2
        learnt = sum(len(piece.values) for piece in self._held.learn)
        most_us = max(_LEAST_US, _LEARNT_TIMES * learnt * row_us)
        pairs = int(most_us // (_ROUNDS * self._rows * row_us))  # of a sensor and a site
        sites = min(max(pairs // max(len(testable), 1), 1), MOST_SITES)
        count = min(len(testable), max(pairs // sites, 1))
        chosen = np.linspace(0, len(testable) - 1, count).astype(np.int64)
        return sites, [int(sensor) for sensor in testable[chosen]]

    def _smallest(self, trials: _Trials) -> dict[Pair, FaultLimit]:
        """The smallest size of each fault that has a size, by bisection of the sizes."""
        low: dict[Pair, int] = {(sensor, fault): -1 for sensor in self._tested for fault in _SIZED}
        high = dict.fromkeys(low, len(SIZES))
        while undecided := [pair for pair in low if high[pair] - low[pair] > 1]:
            middle = {pair: (low[pair] + high[pair]) // 2 for pair in undecided}
            rows = trials.alarm_rows(
                {pair: self._maker.copies(*pair, SIZES[middle[pair]]) for pair in undecided}
            )
            for pair in undecided:
                if not len(rows[pair]):  # the sensor has no value at any site
                    del low[pair], high[pair]
                elif _found(rows[pair]):
                    high[pair] = middle[pair]
                else:
                    low[pair] = middle[pair]
        return {pair: self._size(pair[0], step) for pair, step in high.items()}

    def _size(self, sensor: int, step: int) -> FaultLimit:
        if step == len(SIZES):
            return FaultLimit()
        size = SIZES[step] * float(self._maker.deviations[sensor])
        return FaultLimit(deviations=SIZES[step], size=rounded(size))

    def _times(self, trials: _Trials) -> dict[Pair, FaultLimit]:
        """The time until the alarm of each fault that has no size, the median of the sites."""
        pairs: list[Pair] = [(sensor, SensorFault.STUCK) for sensor in self._tested]
        rows = trials.alarm_rows({pair: self._maker.copies(*pair, 1.0) for pair in pairs})
        return {pair: self._time(rows[pair]) for pair in pairs if len(rows[pair])}

    def _time(self, rows: Rows) -> FaultLimit:
        if not _found(rows):
            return FaultLimit()
        middle = int(np.sort(rows)[(len(rows) - 1) // 2])
        return FaultLimit(after_s=(middle + 1) * self._row_s)

    def _sensor(
        self, sensor: int, limits: dict[Pair, FaultLimit], predicted: NDArray[np.float64] | None
    ) -> SensorLimits:
        share = np.nan if predicted is None else float(predicted[sensor])
        return SensorLimits(
            sensor=self._definition.sensors[sensor],
            deviation=rounded(float(self._maker.deviations[sensor])),
            limits={fault.value: limits[sensor, fault] for fault in SensorFault if (sensor, fault) in limits},
            predicted=None if np.isnan(share) else round(share, 3),
        )


class _Trials:
    """All that can raise an alarm under a model: witnesses, checks of instruments, and the score."""

    def __init__(self, definition: StreamDefinition, detector: Detector, sites: Sequence[FaultSite]) -> None:
        self._quick = (
            WitnessTrials(definition, detector, sites),
            InstrumentTrials(definition, detector, sites),
        )
        self._score = ScoreTrials(definition, detector, sites)

    def alarm_rows(self, copies: dict[Pair, list[FaultyCopy]]) -> dict[Pair, Rows]:
        """The row of the fault at which each copy raises an alarm, ``NEVER`` where none does.

        The score is asked about copies of which nothing else speaks: it takes longer.
        """
        every = [copy for some in copies.values() for copy in some]
        rows = np.full(len(every), NEVER)
        for trials in self._quick:
            rows = np.minimum(rows, trials.alarm_rows(every))
        silent = np.flatnonzero(rows == NEVER)
        rows[silent] = self._score.alarm_rows([every[number] for number in silent.tolist()])
        ends = np.cumsum([len(some) for some in copies.values()])
        return dict(zip(copies, np.split(rows, ends[:-1]), strict=True))


def _found(rows: Rows) -> bool:
    """Whether at least half of the copies raise an alarm."""
    return 2 * int((rows != NEVER).sum()) >= len(rows)
