"""Scores the hops of a series in order under one champion after another, as the scorer does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfstream.app.detection.alarm_collector import AlarmCollector
from tfstream.app.detection.asset_update import AssetEvent
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.detection.score_series import HopScores
from tfstream.core.learning.normal_rows import TrainingEpisode
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.reading import Series
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.partition_tracks import WindowReady
from tfstream.core.windowing.window import WindowShape

_BATCH = 1024  # windows scored at once


class ChampionScorer:
    """The scores, the alarms and the memory of one asset; row 0 of ``series`` is the first row of a hop.

    Gaps must be filled as the stream fills them.
    """

    def __init__(self, definition: StreamDefinition, series: Series) -> None:
        self._definition, self._series = definition, series
        self._collector = AlarmCollector()
        self._memory: AssetMemory | None = None
        self._ends: list[int] = []
        self._values: list[float] = []

    def score(self, champion: Champion, first_row: int, stop_row: int) -> None:
        """Score the hops that lie within the rows from ``first_row`` up to, but without, ``stop_row``."""
        tracker = EpisodeTracker(self._definition, champion)
        windows = list(_windows(self._series, champion.detector.shape, first_row, stop_row))
        for begin in range(0, len(windows), _BATCH):
            batch = [AssetEvent(0, self._memory, window) for window in windows[begin : begin + _BATCH]]
            for update in tracker.process_batch(batch):
                self._memory = update.memory
                self._collector(update)
                if update.window is not None and update.window.scored is not None:
                    baseline = update.window.before.baseline
                    self._ends.append(update.window.window.end_index)
                    self._values.append(baseline.normalised(update.window.scored.score))

    @property
    def hops(self) -> HopScores:
        """The value of every scored hop: the score in spreads over the asset's usual level.

        These values of different champions can be compared; their scores cannot.
        """
        return HopScores(np.array(self._ends, dtype=np.int64), np.array(self._values, dtype=np.float64))

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms in rows; an episode that is open after the last hop ends there."""
        interval_us = self._definition.interval_us
        return [alarm.in_rows(interval_us) for alarm in self._collector.alarms]

    @property
    def training_episodes(self) -> list[TrainingEpisode]:
        """The episodes so far as training reads them, without a verdict."""
        asset = self._series.asset
        return [
            TrainingEpisode(
                asset=asset,
                kind=alarm.episode.kind,
                start_us=alarm.episode.started_us,
                end_us=None if self._collector.is_open(alarm) else alarm.episode.last_us,
                verdict=None,
                accepted_us=None,
                expected_per_week=alarm.episode.expected_per_week,
                budget=self._definition.budget_of(asset),
                shares={sensor.name: sensor.share for sensor in alarm.episode.sensors},
            )
            for alarm in self._collector.alarms
        ]


def _windows(series: Series, shape: WindowShape, first_row: int, stop_row: int) -> Iterator[WindowReady]:
    """The windows of the hops that lie within the rows, in order; offsets are rows."""
    first_hop = max(-(-first_row // shape.hop), -(-shape.rows // shape.hop) - 1)
    first_end = first_hop * shape.hop + shape.step
    for end in range(first_end, stop_row // shape.hop * shape.hop + 1, shape.step):
        if end < shape.rows:
            continue
        values = series.values[end - shape.rows : end]
        yield WindowReady(series.asset, Window(end - 1, values, end - shape.hop, end - 1))
