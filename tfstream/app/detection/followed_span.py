"""Follows the witnesses of one asset through its new rows: who speaks, what stays, and what goes home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.asked_rows import AskedRows
from tfstream.app.detection.shift_judge import ShiftJudge
from tfstream.app.detection.tail_runs import TailRuns
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.standing_episode import Staying
from tfstream.core.alarms.standing_levels import LevelShift, StandingLevels
from tfstream.core.alarms.witness_rule import HeardWitness, WitnessRule
from tfstream.core.reading import Values
from tfstream.model.witnesses.comparison import SensorDeparture
from tfstream.model.witnesses.witness_model import WitnessModel

_SETTLING_ROWS = 16  # after a shift went home: the score remembers the step for two hops


class WitnessVerdict(NamedTuple):
    """The witness that speaks loudest about a window's new rows, and what it saw there.

    ``shown`` and ``departures`` are of the row that made it speak: what the sensors show in their own units,
    and the sensors that depart.
    """

    judgement: Judgement
    shown: Values
    departures: tuple[SensorDeparture, ...]

    def is_about(self, sensors: Sequence[int]) -> bool:
        """Whether the sensor that departs most is one of these: a mean remembers what it showed before."""
        return bool(self.departures) and self.departures[0].sensor in sensors


class WindowStanding(NamedTuple):
    """What stays, after a window, and the ``shifts`` that its rows are compared without."""

    staying: Staying
    shifts: tuple[LevelShift, ...]

    @property
    def shifted(self) -> set[int]:
        """The sensors, by column, that stand at other levels."""
        return {sensor for shift in self.shifts if shift.home_row is None for sensor in shift.sensors}


class StayedShift(NamedTuple):
    """A shift to accept that has stayed since a row; ``again`` where only its size is estimated again."""

    since_row: int
    again: bool = False


class FollowedSpan(NamedTuple):
    """The verdicts about the windows of a span, None where nobody speaks, and what stays after each window.

    Where shifts change with a window, both end with it: later rows are compared otherwise. ``stayed`` is the
    shift that is accepted with the last window. ``fired [tails]`` are the tails that have exceeded their
    threshold and were not quiet since.
    """

    verdicts: list[WitnessVerdict | None]
    standing: list[WindowStanding]
    levels: StandingLevels
    fired: NDArray[np.bool_]
    stayed: StayedShift | None = None


class SpanFollower:
    """Follows assets under one rule. A shift is accepted after ``stayed_rows`` rows of the stream."""

    def __init__(self, model: WitnessModel, rule: WitnessRule, judge: ShiftJudge, stayed_rows: int) -> None:
        self._model, self._rule, self._judge, self._stayed_rows = model, rule, judge, stayed_rows

    def follow(
        self,
        asked: AskedRows,
        number: int,
        masked: Sequence[Sequence[int]],
        step: int,
        levels: StandingLevels,
    ) -> FollowedSpan:
        """Follow an asset, by its ``number`` in the batch, through the last rows that were asked about.

        :param masked: of each window of ``step`` rows, the sensors whose values are left out.
        """
        runs = TailRuns(self._rule, levels, asked.fired(number))
        rows = asked.rows_of(number)[-len(masked) * step :].reshape(len(masked), step)
        verdicts: list[WitnessVerdict | None] = []
        standing: list[WindowStanding] = []
        stayed: StayedShift | None = None
        for of_window, left_out in zip(rows, masked, strict=True):
            end, shifts = int(asked.ends[of_window[-1]]), levels.shifts
            verdict, home = self._hear(asked, number, of_window.tolist(), runs, shifts, left_out)
            verdicts.append(verdict)
            levels = runs.levels(msgspec.structs.replace(levels, shifts=home or shifts))
            levels = levels.without_learnt().settled()
            stayed = self._stayed(runs, end) if levels.shifts == shifts else None
            standing.append(self._standing(levels, end, stayed, returning=home is not None))
            if stayed is not None or levels.shifts != shifts:
                break
        asked.keep_fired(number, runs.fired)
        return FollowedSpan(verdicts, standing, levels, runs.fired, stayed)

    def accept(self, followed: FollowedSpan, asked: AskedRows, asset: str, end: int) -> FollowedSpan:
        """The span with its shift accepted after its last window, which ends with row ``end``.

        :param asked: the rows of this asset alone, up to that row.
        """
        assert followed.stayed is not None
        levels, (since_row, again) = followed.levels, followed.stayed
        runs = TailRuns(self._rule, levels, followed.fired)
        shifts = self._judge.accept(asked.states, asset, end, levels.shifts, since_row)
        runs.accept(end, again=again)
        kept = self._judge.without_spent(shifts, end)
        after = msgspec.structs.replace(runs.levels(levels), shifts=kept)
        *before, last = followed.standing
        standing = [*before, last._replace(staying=last.staying._replace(away=True))]
        return followed._replace(levels=after, standing=standing, fired=runs.fired)

    def _stayed(self, runs: TailRuns, end: int) -> StayedShift | None:
        since = runs.stayed_since(end, self._stayed_rows)
        if since is not None:
            return StayedShift(since)
        return None if runs.refines_since is None else StayedShift(runs.refines_since, again=True)

    def _standing(
        self, levels: StandingLevels, end: int, stayed: StayedShift | None, *, returning: bool
    ) -> WindowStanding:
        settling = any(
            shift.home_row is not None and end - shift.home_row < _SETTLING_ROWS for shift in levels.shifts
        )
        accepted = stayed is not None and not stayed.again
        return WindowStanding(Staying(accepted, levels.away, returning or settling), levels.shifts)

    def _hear(
        self,
        asked: AskedRows,
        number: int,
        rows: Sequence[int],
        runs: TailRuns,
        shifts: tuple[LevelShift, ...],
        masked: Sequence[int],
    ) -> tuple[WitnessVerdict | None, tuple[LevelShift, ...] | None]:
        """The loudest verdict about the rows of a window; the shifts, where one is going home, else None."""
        heard = [
            (witness, row)
            for row in rows
            if (witness := runs.hear(asked.values[row], int(asked.ends[row]))) is not None
        ]
        home = None
        for loudest, row in sorted(heard, key=lambda each: each[0].judgement.rank):
            if loudest.judgement.exceeds and shifts:
                returning = self._going_home(asked, number, loudest, row, home or shifts)
                if returning is not None:
                    home = returning
                    continue
            verdict = self._verdict(asked, number, loudest, row)
            if not verdict.is_about(masked):
                return verdict, home
        return None, home

    def _going_home(
        self, asked: AskedRows, number: int, heard: HeardWitness, row: int, shifts: tuple[LevelShift, ...]
    ) -> tuple[LevelShift, ...] | None:
        tail = self._model.admitted[heard.number]
        grid, at = asked.grids[tail.level], int(asked.place[row, heard.number])
        return self._judge.home(
            tail,
            grid.compared[tail.statistic][at],
            int(grid.entered.ends[at]),
            asked.assets[number],
            shifts,
            heard.judgement.threshold,
        )

    def _verdict(self, asked: AskedRows, number: int, heard: HeardWitness, row: int) -> WitnessVerdict:
        tail = self._model.admitted[heard.number]
        grid, at = asked.grids[tail.level], int(asked.place[row, heard.number])
        compared, end = grid.compared[tail.statistic][at], int(grid.entered.ends[at])
        model, asset = self._model.grids[tail.level], asked.assets[number]
        departures = model.blame(tail.statistic, compared, asset, end)
        return WitnessVerdict(heard.judgement, grid.shown[tail.statistic][at], tuple(departures))
