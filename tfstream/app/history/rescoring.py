"""Recomputes scores: sends stored readings through the scorer's own grid, windows, detector and alarm rule.

The witnesses look further back than a window. Therefore they see the readings before the first score, too,
as far as they still matter.

Rescoring reads one asset alone and in order of time. So its scores differ from the scorer's where readings
came too late to be scored, where readings were never stored, or where the asset's state is older than the
readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.core.reading import Reading, Series
from tfstream.core.spans import Span
from tfstream.core.state import AssetMemory
from tfstream.core.windowing.partition_tracks import PartitionTracks, TrackEvent, WindowReady
from tfstream.storage import anomalies, readings, scores
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.streams import StreamRecord

Progress = Callable[[float], None]
_BATCH = 512  # hops scored at once
_ROWS = 50_000  # grid rows read at once
_DAY_US = 86_400_000_000
_LEAD_GRID_ROWS = 160  # a level over 16 rows of a grid has then forgotten where it began
_INSTRUMENT_ROWS = 1_024
_MOST_LEAD_ROWS = 20_480  # of the stream: 40 rows of the coarsest grid, of which 1 % is left
_ANOTHER_MODEL = -1  # never a version
_OTHER_ASSET = ""  # not a valid name: stands for the partition's other assets, whose readings show a silence


@dataclass(slots=True)
class RescoredSpan:
    """The number of readings that were scored, and the times of the first and the last.

    ``lead_us`` is the time of the first reading that the witnesses have seen.
    """

    readings: int = 0
    first_us: int | None = None
    last_us: int | None = None
    lead_us: int | None = None


class WitnessLead(NamedTuple):
    """The windows before the first score that the witnesses see: those that end after ``from_us``.

    ``another_model``: the scorer had another model then, so that the errors begin again at the first score.
    """

    from_us: int
    another_model: bool


def read_silences(database: Database, stream: StreamRecord, asset: str, within: Span) -> list[Span] | None:
    """The spans in which the scorer found an asset silent; None counts every long gap as a silence.

    The scorer finds a silence only when another asset of the partition sends a later reading, so that the
    gaps of the asset alone do not show it. The stored silences do. Where no score is stored, the scorer did
    not run: then every long gap is a silence, if other assets have readings.
    """
    with database.begin() as connection:
        if not scores.exist_within(connection, stream.id, asset, *within):
            return None if readings.other_assets_exist(connection, stream.id, asset, *within) else []
        rows = anomalies.silences(connection, stream.id, asset, within)
    ends = [within.end_us if row.ended_at is None else to_us(row.ended_at) for row in rows]
    return [Span(to_us(row.started_at), end_us) for row, end_us in zip(rows, ends, strict=True)]


class Rescorer:
    """Scores one asset under one model; ``silent`` as :func:`read_silences` returns it.

    ``on_update`` receives every update from the first score on, in order of time.
    """

    def __init__(
        self,
        database: Database,
        stream: StreamRecord,
        champion: Champion,
        asset: str,
        *,
        silent: Sequence[Span] | None,
        on_update: Callable[[AssetUpdate], None],
    ) -> None:
        self.shape = champion.detector.shape
        self._database, self._stream, self._asset, self._silent = database, stream, asset, silent
        self._tracks = PartitionTracks(stream.definition, self.shape)
        self._tracker = EpisodeTracker(stream.definition, champion)
        self._memory: AssetMemory | None = None
        self._on_update = on_update
        self._batch: list[AssetEvent] = []
        self._lead_batch: list[AssetEvent] = []  # before the first score: for the witnesses
        self._lead_rows = _lead_rows(champion)
        self._no_reading = np.full(len(stream.definition.sensors), np.nan, dtype=np.float32)
        self._last_reading_us: int | None = None

    @property
    def warm_up_us(self) -> int:
        """How far before a window's end a reading can still be part of it, filled cells included."""
        definition = self._stream.definition
        rows = self.shape.rows + self.shape.hop + definition.staleness_rows
        return rows * definition.interval_us + definition.lateness_us

    @property
    def lead_us(self) -> int:
        """How long the witnesses must follow an asset until it no longer matters where they began."""
        return self._lead_rows * self._stream.definition.interval_us

    def run(
        self,
        start_us: int,
        until_us: int,
        progress: Progress = lambda done: None,
        *,
        lead: WitnessLead | None = None,
    ) -> RescoredSpan:
        """Score the windows that end after ``start_us``, as if the model had become champion then.

        Also reads the readings after ``until_us`` that complete the last row. ``progress`` gets the part
        done. Without ``lead`` the witnesses begin :attr:`lead_us` before, under another model.
        """
        lead = lead or WitnessLead(start_us - self.lead_us, another_model=True)
        rescored, span = RescoredSpan(), Span(start_us, until_us)
        definition = self._stream.definition
        first_us = min(lead.from_us, start_us) - self.warm_up_us
        behind_us = definition.lateness_us + (self.shape.hop + 1) * definition.interval_us
        for series in self._series(first_us, until_us + behind_us):
            for time_us, values in zip(series.times_us.tolist(), series.values, strict=True):
                _count(rescored, time_us, start_us - self.warm_up_us)
                self._push(time_us, values, span, lead)
            if len(series.times_us):
                progress(min((int(series.times_us[-1]) - first_us) / max(until_us - first_us, 1), 1.0))
        self._process_batch()
        return rescored

    def _series(self, first_us: int, until_us: int) -> Iterator[Series]:
        """The asset's readings in slices, because a history may be larger than the memory."""
        step_us = max(_DAY_US, _ROWS * self._stream.definition.interval_us)
        width = len(self._stream.definition.sensors)
        for begin in range(first_us, until_us, step_us):
            end = min(begin + step_us, until_us)
            with self._database.begin() as connection:
                yield readings.read(connection, self._stream.id, self._asset, begin, end - 1, width)

    def _push(self, time_us: int, values: np.ndarray, span: Span, lead: WitnessLead) -> None:
        """Push a reading through grid and windows; queue the events that end in the span or its lead."""
        tracks, interval_us = self._tracks, self._stream.definition.interval_us
        events = [*self._silence_events(time_us), *tracks.push(Reading(self._asset, time_us, values), 0)]
        self._last_reading_us = time_us
        for event in events:
            end_us = time_us
            if isinstance(event, WindowReady):
                end_us = event.window.end_us(interval_us)
            if lead.from_us < end_us <= span.start_us:
                self._lead_batch.append(AssetEvent(0, self._memory, event))
            elif span.start_us < end_us <= span.end_us:
                self._warm_up(lead)
                self._batch.append(AssetEvent(0, self._memory, event))
        if len(self._batch) * self.shape.step >= _BATCH * self.shape.hop:
            self._process_batch()
        if len(self._lead_batch) * self.shape.step >= _BATCH * self.shape.hop:
            self._warm_up(lead)

    def _silence_events(self, time_us: int) -> list[TrackEvent]:
        """The silence before a reading, if the scorer found one."""
        limit_us = self._tracks.silence_us
        if self._last_reading_us is None or time_us - self._last_reading_us <= limit_us:
            return []
        silent_us = self._last_reading_us + limit_us + 1
        if not self._was_silent(silent_us):
            return []
        reading = Reading(_OTHER_ASSET, silent_us, self._no_reading)
        return [event for event in self._tracks.push(reading, 0) if event.asset == self._asset]

    def _was_silent(self, at_us: int) -> bool:
        if self._silent is None:
            return True
        return any(span.start_us <= at_us <= span.end_us for span in self._silent)

    def _warm_up(self, lead: WitnessLead) -> None:
        """Let the witnesses see the windows before the first score."""
        if not self._lead_batch:
            return
        self._memory = self._tracker.warm_up(self._lead_batch)
        if self._memory is not None and lead.another_model:
            self._memory = msgspec.structs.replace(self._memory, witness_version=_ANOTHER_MODEL)
        self._lead_batch.clear()

    def _process_batch(self) -> None:
        for update in self._tracker.process_batch(self._batch):
            self._memory = update.memory
            self._on_update(update)
        self._batch.clear()


def _count(rescored: RescoredSpan, time_us: int, first_us: int) -> None:
    """Count a reading; those before ``first_us`` are for the witnesses alone."""
    rescored.lead_us = time_us if rescored.lead_us is None else rescored.lead_us
    if time_us < first_us:
        return
    rescored.readings += 1
    rescored.first_us = time_us if rescored.first_us is None else rescored.first_us
    rescored.last_us = time_us


def _lead_rows(champion: Champion) -> int:
    """Rows of the stream until the admitted witness with the coarsest grid has forgotten its beginning.

    The checks of instruments count how long a value stands still.
    """
    coarsest = max((tail.grid_rows for tail in champion.detector.witnesses.admitted), default=0)
    return min(max(_LEAD_GRID_ROWS * coarsest, _INSTRUMENT_ROWS), _MOST_LEAD_ROWS)
