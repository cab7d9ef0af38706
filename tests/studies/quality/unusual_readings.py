"""Strange readings, to learn from and to be scored: finite scores must come out, or a clear refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tests.studies.quality.runs import ignore_progress
from tests.studies.simulated_readings import SECOND_US, names, readings, series
from tfstream.app.scoring.score_series import HopScores, score_series
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
    """What is done to usual readings before they are learnt from, and to those that are scored."""

    name: str
    learnt: Change = _same
    scored: Change = _same
    rows: int = _ROWS
    channels: int = _CHANNELS
    quiet: bool = True  # whether the scored rows are usual but for the fault
    refused: str = ""  # part of the reason that is to be given; empty: scores are wanted


@dataclass(frozen=True, kw_only=True)
class ReadingCaseResult:
    """``scores`` finite ones of ``windows``; ``refusal`` is the reason for none; ``failure`` a fault of ours.

    ``seen``: whether a shift of the first channel has the highest score; None where other rows are strange.
    """

    scores: int = 0
    windows: int = 0
    seen: bool | None = None
    refusal: str = ""
    failure: str = ""

    def as_wanted(self, case: ReadingCase) -> bool:
        """Refused for the right reason, or every window scored."""
        if case.refused:
            return case.refused in self.refusal
        return not self.refusal and not self.failure and 0 < self.scores == self.windows


def run_case(case: ReadingCase, config: DetectorConfig) -> ReadingCaseResult:
    """Learn and score; whatever else than a refusal comes out is a failure."""
    learnt = case.learnt(readings(case.rows, case.channels))
    scored = readings(_SCORED_ROWS, case.channels, seed=1)
    scored[_FAULT, 0] += _SHIFT * scored[:, 0].std()
    try:
        detector = fit([series(learnt)], names(case.channels), SECOND_US, config, 0, ignore_progress)
        scores = score_series(detector, "x", case.scored(scored))
    except BadData as error:
        return ReadingCaseResult(refusal=str(error))
    except Exception as error:
        return ReadingCaseResult(failure=f"{type(error).__name__}: {error}")
    finite = int(np.isfinite(scores.scores).sum())
    seen = _seen(scores) if case.quiet else None
    return ReadingCaseResult(scores=finite, windows=len(scores.scores), seen=seen)


def run_named_case(name: str) -> dict[str, Any]:
    """A job: a case by its name, with the detector as it is."""
    case = next(case for case in CASES if case.name == name)
    found = run_case(case, DetectorConfig())
    return {**asdict(found), "as_wanted": found.as_wanted(case)}


def _seen(hops: HopScores) -> bool:
    """Whether the highest score stands in a hop with a shifted row in its newest 16."""
    highest = int(hops.end_index[np.argmax(hops.scores)])
    return _FAULT.start <= highest < _FAULT.stop + 16


def _channel(number: int, value: float) -> Change:
    """A whole channel that is always the same, or never there."""

    def change(values: Values) -> Values:
        values[:, number] = value
        return values

    return change


def _everywhere(value: float) -> Change:
    return lambda values: np.full_like(values, value)


def _here_and_there(*strange: float) -> Change:
    """Single cells, each of every kind in every 50 rows; the newest rows of windows among them."""

    def change(values: Values) -> Values:
        for number, value in enumerate(strange):
            values[number::50, number % values.shape[1]] = value
        return values

    return change


def _hole(values: Values) -> Values:
    values[100:140, 2] = np.nan
    values[200:220] = np.nan
    return values


def _both(
    name: str, change: Change, *, rows: int = _ROWS, channels: int = _CHANNELS, quiet: bool = True
) -> ReadingCase:
    return ReadingCase(name=name, learnt=change, scored=change, rows=rows, channels=channels, quiet=quiet)


_INFINITE = _here_and_there(np.inf, -np.inf)
_HUGE = _here_and_there(1e30, -1e30)
_NAN = _here_and_there(np.nan)

CASES = (
    ReadingCase(name="usual readings"),
    _both("one channel", _same, channels=1),
    _both("two channels", _same, channels=2),
    _both("1,000 channels", _same, channels=1_000),
    _both("a constant channel", _channel(1, 7.0)),
    ReadingCase(name="a channel constant in training, alive later", learnt=_channel(1, 7.0), quiet=False),
    _both("all channels constant", _everywhere(7.0), quiet=False),
    _both("a channel that is never there", _channel(1, np.nan)),
    ReadingCase(name="a channel never there in training, alive later", learnt=_channel(1, np.nan)),
    ReadingCase(name="a channel that is gone later", scored=_channel(1, np.nan), quiet=False),
    ReadingCase(name="nothing but gaps to learn from", learnt=_everywhere(np.nan), refused="single value"),
    ReadingCase(name="200 rows to learn from", rows=200, refused="too little to learn from"),
    _both("the least that can be learnt from: 288 rows", _same, rows=288),
    ReadingCase(name="gaps in training", learnt=_hole),
    ReadingCase(name="NaN in training", learnt=_NAN),
    ReadingCase(name="±inf in training", learnt=_INFINITE),
    ReadingCase(name="±1e30 in training", learnt=_HUGE),
    ReadingCase(name="NaN in scored rows", scored=_NAN, quiet=False),
    ReadingCase(name="±inf in scored rows", scored=_INFINITE, quiet=False),
    ReadingCase(name="±1e30 in scored rows", scored=_HUGE, quiet=False),
    _both("values of the size 1e30", lambda values: values * np.float32(1e30)),
    _both("values of the size 1e-30", lambda values: values * np.float32(1e-30)),
    _both("small changes on a large level", lambda values: values + np.float32(1e6)),
)
