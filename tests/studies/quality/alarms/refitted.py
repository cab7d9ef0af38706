"""A method as the trainer runs it: it learns again on a schedule, from the newest normal rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun
from tests.studies.quality.alarms.labelled_tables import part_of
from tests.studies.quality.alarms.methods import AlarmMethod, FittedAlarms, NamedAlarm
from tfstream.core.learning.exclude import ExcludedCells, exclude
from tfstream.core.learning.normal_rows import TrainingEpisode, excluded_spans
from tfstream.core.reading import Series
from tfstream.core.spans import Span
from tfstream.core.stream import MICROSECONDS
from tfstream.errors import BadData

_DAY_US = 24 * 3600 * MICROSECONDS
_MARGIN_ROWS = 64  # a window, as the product leaves out before and after an episode
_HOP_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class Refitted:
    """The alarms of all runs of a case whose method learns again every ``refit_days``.

    The runs are the assets of one stream: they have the same times, and begin with the rows learnt first.
    Nobody judges an alarm. The rows of clear alarms, of instrument faults and of open alarms are left out.
    """

    method: AlarmMethod
    case: AlarmCase
    seed: int = 0

    def alarms(self, fitted: FittedAlarms) -> list[list[NamedAlarm]]:
        """The alarms of each run, first by the given fit, then by those that follow."""
        raised: list[list[NamedAlarm]] = [[] for _ in self.case.runs]
        for start, stop in self._chunks():
            for run, before in zip(self.case.runs, raised, strict=True):
                _append(before, _chunk_alarms(fitted, run, start, stop), start)
            fitted = self._refit(fitted, stop, raised)
        return raised

    def _chunks(self) -> Iterator[tuple[int, int]]:
        rows = min(len(run.series.values) for run in self.case.runs)
        step = round(self.case.refit_days * _DAY_US / self.case.definition.interval_us)
        for start in range(self.case.runs[0].first_row, rows, step):
            yield start, min(start + step, rows)

    def _refit(self, fitted: FittedAlarms, stop: int, raised: Sequence[list[NamedAlarm]]) -> FittedAlarms:
        """The next fit; the fit in use stays where there is too little to learn from."""
        normal = [
            piece
            for run, alarms in zip(self.case.runs, raised, strict=True)
            for piece in self._normal(run, alarms, stop)
        ]
        try:
            return self.method.fit(normal, self.case.definition, self.seed, champion=fitted)
        except BadData:
            return fitted

    def _normal(self, run: CaseRun, alarms: Sequence[NamedAlarm], stop: int) -> Iterator[Series]:
        """The run's normal rows of ``history_days`` before row ``stop``."""
        definition = self.case.definition
        first = max(0, stop - round(self.case.history_days * _DAY_US / definition.interval_us))
        newest = part_of(run.series, first, stop)
        newest = newest._replace(values=newest.values.copy())
        span = Span(int(newest.times_us[0]), int(newest.times_us[-1]) + 1)
        episodes = [self._episode(run.series, alarm, stop) for alarm in alarms]
        margin_us = _MARGIN_ROWS * definition.interval_us
        cuts = excluded_spans(run.series.asset, definition.sensors, [], episodes, span, margin_us)
        yield from exclude(newest, cuts, ExcludedCells())

    def _episode(self, series: Series, alarm: NamedAlarm, stop: int) -> TrainingEpisode:
        definition = self.case.definition
        start_us = int(series.times_us[0])
        still_open = alarm.stop >= stop - _HOP_ROWS
        return TrainingEpisode(
            asset=series.asset,
            kind=alarm.kind,
            start_us=start_us + alarm.first * definition.interval_us,
            end_us=None if still_open else start_us + alarm.stop * definition.interval_us,
            verdict=None,
            accepted_us=None,
            expected_per_week=alarm.expected_per_week,
            budget=definition.budget_of(series.asset),
            shares=dict(alarm.blame),
        )


def _chunk_alarms(fitted: FittedAlarms, run: CaseRun, start: int, stop: int) -> list[NamedAlarm]:
    return fitted.alarms(part_of(run.series, 0, stop), start)


def _append(before: list[NamedAlarm], new: Sequence[NamedAlarm], start: int) -> None:
    """Add the alarms after row ``start``; an alarm that stands there goes on under the next fit."""
    for alarm in new:
        last = before[-1] if before else None
        if last is not None and last.stop >= start - _HOP_ROWS and alarm.first <= start + _HOP_ROWS:
            before[-1] = replace(last, stop=alarm.stop)
        else:
            before.append(alarm)
