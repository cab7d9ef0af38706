"""Unusual readings in training and scoring: the result must be finite scores or a clear refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tests.studies.quality.runs import ignore_progress
from tests.studies.simulated_readings import SECOND_US, names, readings, series
from tfstream.app.detection.score_series import HopScores, score_series
from tfstream.core.reading import Values
from tfstream.errors import BadData
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit

_ROWS, _CHANNELS = 800, 6
_SCORED_ROWS = 400
_FAULT = slice(200, 240)  # scored rows in which the first channel is shifted
_SHIFT = 3.0  # in units of its deviation

Change = Callable[[Values], Values]


def _same(values: Values) -> Values:
    return values


@dataclass(frozen=True, kw_only=True)
class ReadingCase:
    """Changes of the normal readings for training and for scoring."""

    name: str
    training: Change = _same
    scored: Change = _same
    rows: int = _ROWS
    channels: int = _CHANNELS
    quiet: bool = True  # whether the scored rows are normal except for the fault
    refused: str = ""  # part of the expected reason of a refusal; empty when scores are expected


@dataclass(frozen=True, kw_only=True)
class ReadingCaseResult:
    """``scores`` is the number of finite scores of ``windows``; ``refusal`` is the reason for having none.

    ``failure`` is an unexpected error. ``seen``: whether a shift of the first channel has the highest score;
    None if other rows are unusual, too.
    """

    scores: int = 0
    windows: int = 0
    seen: bool | None = None
    refusal: str = ""
    failure: str = ""

    def as_wanted(self, case: ReadingCase) -> bool:
        """Whether training was refused for the expected reason, or every window has a score."""
        if case.refused:
            return case.refused in self.refusal
        return not self.refusal and not self.failure and 0 < self.scores == self.windows


def run_case(case: ReadingCase, config: DetectorConfig) -> ReadingCaseResult:
    """Train and score; every error but a refusal is a failure."""
    training = case.training(readings(case.rows, case.channels))
    scored = readings(_SCORED_ROWS, case.channels, seed=1)
    scored[_FAULT, 0] += _SHIFT * scored[:, 0].std()
    try:
        detector = fit([series(training)], names(case.channels), SECOND_US, config, 0, ignore_progress)
        scores = score_series(detector, "x", case.scored(scored))
    except BadData as error:
        return ReadingCaseResult(refusal=str(error))
    except Exception as error:
        return ReadingCaseResult(failure=f"{type(error).__name__}: {error}")
    finite = int(np.isfinite(scores.scores).sum())
    seen = _detected(scores) if case.quiet else None
    return ReadingCaseResult(scores=finite, windows=len(scores.scores), seen=seen)


def run_named_case(name: str) -> dict[str, Any]:
    """A job: the case of this name, with the full detector."""
    case = next(case for case in CASES if case.name == name)
    result = run_case(case, DetectorConfig())
    return {**asdict(result), "as_wanted": result.as_wanted(case)}


def _detected(hops: HopScores) -> bool:
    """Whether the hop with the highest score has a shifted row among its newest 16."""
    highest = int(hops.end_index[np.argmax(hops.scores)])
    return _FAULT.start <= highest < _FAULT.stop + 16


def _channel(number: int, value: float) -> Change:
    """A channel with one value, or with none (NaN)."""

    def change(values: Values) -> Values:
        values[:, number] = value
        return values

    return change


def _everywhere(value: float) -> Change:
    return lambda values: np.full_like(values, value)


def _single_cells(*unusual: float) -> Change:
    """Single cells: each value once in every 50 rows, also in the newest rows of windows."""

    def change(values: Values) -> Values:
        for number, value in enumerate(unusual):
            values[number::50, number % values.shape[1]] = value
        return values

    return change


def _gaps(values: Values) -> Values:
    values[100:140, 2] = np.nan
    values[200:220] = np.nan
    return values


def _both(
    name: str, change: Change, *, rows: int = _ROWS, channels: int = _CHANNELS, quiet: bool = True
) -> ReadingCase:
    return ReadingCase(name=name, training=change, scored=change, rows=rows, channels=channels, quiet=quiet)


_INFINITE = _single_cells(np.inf, -np.inf)
_HUGE = _single_cells(1e30, -1e30)
_NAN = _single_cells(np.nan)

CASES = (
    ReadingCase(name="normal readings"),
    _both("one channel", _same, channels=1),
    _both("two channels", _same, channels=2),
    _both("1,000 channels", _same, channels=1_000),
    _both("a constant channel", _channel(1, 7.0)),
    ReadingCase(name="a channel constant in training, varying later", training=_channel(1, 7.0), quiet=False),
    _both("all channels constant", _everywhere(7.0), quiet=False),
    _both("a channel without values", _channel(1, np.nan)),
    ReadingCase(name="a channel without values in training only", training=_channel(1, np.nan)),
    ReadingCase(name="a channel without values in scoring only", scored=_channel(1, np.nan), quiet=False),
    ReadingCase(name="no values in training", training=_everywhere(np.nan), refused="single value"),
    ReadingCase(name="200 training rows", rows=200, refused="too little to learn from"),
    _both("288 training rows, the minimum", _same, rows=288),
    ReadingCase(name="gaps in training", training=_gaps),
    ReadingCase(name="NaN in training", training=_NAN),
    ReadingCase(name="±inf in training", training=_INFINITE),
    ReadingCase(name="±1e30 in training", training=_HUGE),
    ReadingCase(name="NaN in scored rows", scored=_NAN, quiet=False),
    ReadingCase(name="±inf in scored rows", scored=_INFINITE, quiet=False),
    ReadingCase(name="±1e30 in scored rows", scored=_HUGE, quiet=False),
    _both("values of the size 1e30", lambda values: values * np.float32(1e30)),
    _both("values of the size 1e-30", lambda values: values * np.float32(1e-30)),
    _both("small changes on a large level", lambda values: values + np.float32(1e6)),
)
