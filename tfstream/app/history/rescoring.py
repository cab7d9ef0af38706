"""Stored readings on the scorer's own way once more: grid, windows, detector, judge.

An asset is looked at alone and in order of time. So what is told here differs from what was told where
readings came too late to be scored, where they were never stored, or where the state of the asset is older
than what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.episode_tracker import EpisodeTracker, ScoredWindow
from tfstream.app.scoring.score_batch import Champion
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.reading import Reading, Series
from tfstream.core.spans import Span
from tfstream.core.windowing.partition_tracks import TrackEvent, WindowReady
from tfstream.storage import anomalies, readings, scores
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.streams import StreamRecord

Progress = Callable[[float], None]
_BATCH = 512  # windows judged at once
_ROWS = 50_000  # rows of the grid read at once
_DAY_US = 86_400_000_000
_CLOCK = ""  # cannot be an asset: stands for the others of a partition, whose messages show a silence


@dataclass(slots=True)
class RescoredSpan:
    """What was read: how many readings, from when until when."""

    readings: int = 0
    first_us: int | None = None
    last_us: int | None = None


def silences(database: Database, stream: StreamRecord, asset: str, within: Span) -> list[Span] | None:
    """When an asset was found silent, which takes others of its partition; None when nobody can have looked.

    What was told then says it. Where nothing was scored, every long gap is one, if there are others.
    """
    with database.begin() as connection:
        if not scores.exist_within(connection, stream.id, asset, *within):
            return None if readings.other_assets_exist(connection, stream.id, asset, *within) else []
        rows = anomalies.silences(connection, stream.id, asset, within)
    ends = [within.end_us if row.ended_at is None else to_us(row.ended_at) for row in rows]
    return [Span(to_us(row.started_at), end_us) for row, end_us in zip(rows, ends, strict=True)]


class Rescorer:
    """One asset under one model; ``silent`` as :func:`silences` gives it."""

    def __init__(
        self,
        database: Database,
        stream: StreamRecord,
        champion: Champion,
        asset: str,
        *,
        silent: Sequence[Span] | None,
        see: Callable[[ScoredWindow], None],
    ) -> None:
        detector = champion.detector
        self.shape = detector.shape
        self._database, self._stream, self._asset, self._silent = database, stream, asset, silent
        self._lane = AssignedPartition(0, stream.definition, self.shape, DeadLetterLimit())
        self._judge = EpisodeTracker(stream.definition, champion, write_scores=False, see=see)
        self._batch: list[tuple[AssignedPartition, TrackEvent]] = []
        self._no_reading = np.full(len(stream.definition.sensors), np.nan, dtype=np.float32)
        self._heard_us: int | None = None

    @property
    def warm_up_us(self) -> int:
        """How much before a window's end can still be seen in it, through filling too."""
        definition = self._stream.definition
        rows = self.shape.rows + self.shape.hop + definition.staleness_rows
        return rows * definition.interval_us + definition.lateness_us

    def run(self, start_us: int, until_us: int, progress: Progress = lambda done: None) -> RescoredSpan:
        """Judge the windows that end after ``start_us``, as if the model had taken charge then.

        Readings from ``until_us`` on that are needed to close its last row are read, too.
        """
        reviewed = RescoredSpan()
        definition = self._stream.definition
        first_us = start_us - self.warm_up_us
        behind_us = definition.lateness_us + (self.shape.hop + 1) * definition.interval_us
        for series in self._series(first_us, until_us + behind_us):
            for time_us, values in zip(series.times_us.tolist(), series.values, strict=True):
                self._read(time_us, values, reviewed, start_us, until_us)
            if reviewed.last_us is not None:
                progress(min((reviewed.last_us - first_us) / max(until_us - first_us, 1), 1.0))
        self._take()
        return reviewed

    def _series(self, first_us: int, until_us: int) -> Iterator[Series]:
        """A slice at a time: a history may be larger than the memory."""
        step_us = max(_DAY_US, _ROWS * self._stream.definition.interval_us)
        width = len(self._stream.definition.sensors)
        for begin in range(first_us, until_us, step_us):
            end = min(begin + step_us, until_us)
            with self._database.begin() as connection:
                yield readings.read(connection, self._stream.id, self._asset, begin, end - 1, width)

    def _read(
        self, time_us: int, values: np.ndarray, reviewed: RescoredSpan, start_us: int, until_us: int
    ) -> None:
        tracks, interval_us = self._lane.tracks, self._stream.definition.interval_us
        reviewed.readings += 1
        reviewed.first_us = time_us if reviewed.first_us is None else reviewed.first_us
        reviewed.last_us = time_us
        found = [*self._silence(time_us), *tracks.push(Reading(self._asset, time_us, values), 0)]
        self._heard_us = time_us
        for finding in found:
            end_us = time_us
            if isinstance(finding, WindowReady):
                end_us = finding.window.end_us(interval_us)
            if start_us < end_us <= until_us:
                self._batch.append((self._lane, finding))
        if len(self._batch) >= _BATCH:
            self._take()

    def _silence(self, time_us: int) -> list[TrackEvent]:
        """What other assets have shown meanwhile."""
        limit_us = self._lane.tracks.silence_us
        if self._heard_us is None or time_us - self._heard_us <= limit_us:
            return []
        noticed_us = self._heard_us + limit_us + 1
        if not self._was_noticed(noticed_us):
            return []
        shown = Reading(_CLOCK, noticed_us, self._no_reading)
        return [found for found in self._lane.tracks.push(shown, 0) if found.asset == self._asset]

    def _was_noticed(self, at_us: int) -> bool:
        if self._silent is None:
            return True
        return any(span.start_us <= at_us <= span.end_us for span in self._silent)

    def _take(self) -> None:
        self._judge.take(self._batch)
        self._batch.clear()
        self._lane.outputs.clear()
