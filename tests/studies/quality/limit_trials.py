"""What the part ``limits`` tries: faults of so many times a limit, and models that learnt from other rows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

from tests.studies.quality.alarms.sensor_faults import FaultPlan, inject
from tests.studies.quality.limit_streams import LimitStream
from tests.studies.quality.runs import ignore_progress
from tfstream.app.detection.score_series import series_episodes
from tfstream.app.detection_limits.limit_search import LimitSearch
from tfstream.core.faults.sensor_faults import SensorFault, faulty_values
from tfstream.core.learning.detection_limits import DetectionLimits
from tfstream.core.learning.held_out import HeldOut
from tfstream.core.learning.limit_checks import limit_checks
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector

_FACTORS = (0.5, 0.7, 1.0, 1.4, 2.0)  # times the limit
_FAULTS = 30  # for each kind and factor
_LEAD_ROWS = 1_536  # before a fault: they warm the witnesses up
_DAY_US = 24 * 3600 * MICROSECONDS
_FAULT_US = 8 * 3600 * MICROSECONDS
_LEARNT_KINDS = ("offset 1 sd", "offset 2 sd", "offset 4 sd", "drift to 2 sd", "drift to 4 sd")


def fitted(stream: LimitStream, learn: Sequence[Series]) -> tuple[Detector, float]:
    """A detector, and the seconds that its fit took."""
    began = time.monotonic()
    definition = stream.definition
    detector = fit(learn, definition.sensors, definition.interval_us, DetectorConfig(), 0, ignore_progress)
    return detector, time.monotonic() - began


def holds(stream: LimitStream, detector: Detector, limits: DetectionLimits) -> dict[str, list[int]]:
    """By times the limit, how many of the faults raise an alarm in time, and their number."""
    rows = round(limits.within_s * 1e6) // stream.definition.interval_us
    counts: dict[str, list[int]] = {}
    spans = [_span(stream, rows, number) for number in range(_FAULTS)]
    counts["no fault"] = [sum(_alarm(stream, detector, span) for span in spans), len(spans)]
    for factor in _FACTORS:
        found = []
        for fault in SensorFault:
            if fault.sized:
                found += [
                    _alarm(stream, detector, faulty)
                    for faulty in _faulty_spans(stream, detector, limits, fault, factor, rows)
                ]
        counts[f"{factor:g}"] = [sum(found), len(found)]
        print(f"limits: {stream.name}: {factor:g} times the limit: {counts[f'{factor:g}']}", file=sys.stderr)
    return counts


def _span(stream: LimitStream, rows: int, number: int) -> Series:
    """Random later rows: those that warm up, and those of a fault."""
    rng = np.random.default_rng([3, number])
    piece = stream.later[rng.integers(len(stream.later))]
    start = int(rng.integers(len(piece.values) - rows - _LEAD_ROWS))
    part = slice(start, start + _LEAD_ROWS + rows)
    return Series(piece.asset, piece.times_us[part], piece.values[part])


def _faulty_spans(
    stream: LimitStream,
    detector: Detector,
    limits: DetectionLimits,
    fault: SensorFault,
    factor: float,
    rows: int,
) -> Iterator[Series]:
    """Faults of so many times the limit; the sensors, rows and draws are the same for every factor."""
    known = [each for each in limits.sensors if each.limits[fault.value].found]
    for number in range(_FAULTS):
        rng = np.random.default_rng([4, number, list(SensorFault).index(fault)])
        chosen = known[rng.integers(len(known))]
        column = stream.definition.sensors.index(chosen.sensor)
        span = _span(stream, rows, number)
        unit = detector.scaler.scale[detector.scaler.rows_of([span.asset])[0], column]
        amount = factor * chosen.limits[fault.value].or_above(limits.above) * float(unit)
        values = span.values.copy()
        clean = values[_LEAD_ROWS:, column].copy()
        values[_LEAD_ROWS:, column] = faulty_values(fault, clean, float(clean[0]), amount, rng)
        yield span._replace(values=values)


def _alarm(stream: LimitStream, detector: Detector, span: Series) -> bool:
    return bool(series_episodes(stream.definition, detector, span, first_row=_LEAD_ROWS))


def refits(
    stream: LimitStream, held: HeldOut, search: LimitSearch, limits: DetectionLimits
) -> Iterator[tuple[str, float]]:
    """The smallest faults of models that have learnt from other rows, in units of those of the first one."""
    day = _DAY_US // stream.definition.interval_us
    recipes = {
        "a day less": [_part(piece, 0, len(piece.values) - day) for piece in held.learn],
        "the newest half of the rows": [
            _part(piece, len(piece.values) // 2, len(piece.values)) for piece in held.learn
        ],
        "5 faults": [_with_faults(stream, piece, 1) for piece in held.learn],
        "20 faults": [_with_faults(stream, piece, 4) for piece in held.learn],
    }
    for name, learn in recipes.items():
        detector, _ = fitted(stream, learn)
        other = search.limits(detector)
        assert other is not None
        factor = limit_checks(limits, other, champion_keeps_budget=True)[0].challenger
        print(f"limits: {stream.name}: {name}: {factor:.2f}", file=sys.stderr, flush=True)
        yield name, factor


def _part(piece: Series, first: int, last: int) -> Series:
    return Series(piece.asset, piece.times_us[first:last], piece.values[first:last])


def _with_faults(stream: LimitStream, piece: Series, times: int) -> Series:
    """The rows with each kind of fault so many times, as far as there is room."""
    rows = _FAULT_US // stream.definition.interval_us
    usable = np.ones(len(piece.values), dtype=np.bool_)
    plan = FaultPlan(kinds=_LEARNT_KINDS * times, rows=rows, apart=rows // 8)
    return inject(piece, stream.definition.sensors, plan, usable, np.random.default_rng([5, times])).series
