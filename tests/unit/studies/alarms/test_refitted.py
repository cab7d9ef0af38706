"""Refits on a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun
from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tests.studies.quality.alarms.refitted import Refitted
from tests.unit.studies.alarms.alarms_in_rows import alarm
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS, StreamDefinition

DAY_ROWS = 24 * 60


@dataclass
class RecordingMethod:
    """Remembers what it learnt; it raises one alarm in every span that it is given."""

    name: str = "recording"
    learnt: list[list[Series]] = field(default_factory=list)

    def fit(
        self,
        series: Sequence[Series],
        definition: StreamDefinition,
        seed: int,
        champion: FittedAlarms | None = None,
    ) -> FittedAlarms:
        self.learnt.append(list(series))
        return self

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        return [alarm(first_row + 600, first_row + 608, first_row + 700, "s0")]


class TestRefits:
    case = AlarmCase(
        definition=StreamDefinition(topic="t", sensors=("s0", "s1"), interval_us=60 * MICROSECONDS),
        learn=[],
        runs=[
            CaseRun(
                name="x",
                part="part",
                series=Series(
                    "x",
                    np.arange(5 * DAY_ROWS, dtype=np.int64) * 60 * MICROSECONDS,
                    np.zeros((5 * DAY_ROWS, 2), np.float32),
                ),
                first_row=2 * DAY_ROWS,
            )
        ],
        refit_days=1,
    )

    def test_each_refit_leaves_out_the_alarms_with_a_window_of_margin(self) -> None:
        method = RecordingMethod()
        (raised,) = Refitted(method=method, case=self.case).alarms(method)
        assert [alarm.first for alarm in raised] == [day * DAY_ROWS + 600 for day in (2, 3, 4)]
        first = method.learnt[0]
        assert [len(piece.values) for piece in first] == [2 * DAY_ROWS + 536, DAY_ROWS - 764]
        assert len(method.learnt[-1]) == 4

    def test_an_alarm_that_stands_at_a_refit_goes_on(self) -> None:
        @dataclass
        class Standing(RecordingMethod):
            def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
                return [alarm(first_row, first_row + 8, len(series.values), "s0")]

        method = Standing()
        (raised,) = Refitted(method=method, case=self.case).alarms(method)
        assert [(one.first, one.stop) for one in raised] == [(2 * DAY_ROWS, 5 * DAY_ROWS)]
        assert all(len(pieces) == 1 for pieces in method.learnt)  # an open alarm has no end yet
