"""The product as a method of the study of alarms: its own fit, its own rule, its own gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tests.studies.quality.runs import ignore_progress
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection.score_series import SeriesEvidence, score_series
from tfstream.app.training.refit import Fitted, Refit
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.alarms.alarm_rule import AlarmState, Hop
from tfstream.core.alarms.episode import Episode, EpisodeEvent, close_episode
from tfstream.core.messages.anomaly_event import EventType
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.model import bundle
from tfstream.model.scoring.detector import Detector
from tfstream.storage.models import ModelRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WITNESS = "score"


@dataclass(frozen=True, kw_only=True)
class FittedProduct:
    """A detector under the alarm rule of its stream, and what the gate must know about its fit."""

    definition: StreamDefinition
    fitted: Fitted
    seed: int

    @property
    def detector(self) -> Detector:
        return self.fitted.detector

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        """The episodes that the stream would open."""
        interval_us = self.definition.interval_us
        opened: Episode | None = None
        alarms: list[NamedAlarm] = []
        for event, episode in self._events(series, first_row):
            if event is EventType.OPENED:
                opened = episode
            elif event is EventType.CLOSED and opened is not None:
                alarms.append(_named(opened, episode, interval_us))
        return alarms

    def _events(self, series: Series, first_row: int) -> Iterator[EpisodeEvent]:
        """The events of a series; an episode that is open at its end is closed there."""
        detector, asset = self.detector, series.asset
        rule = alarm_rule(self.definition, detector, asset)
        evidence = SeriesEvidence(self.definition, detector, asset, series.values)
        hops = score_series(detector, asset, series.values)
        state = AlarmState(rule.calibration.initial_baseline(asset), None)
        for end_index, score in zip(hops.end_index.tolist(), hops.scores.tolist(), strict=True):
            if end_index + 1 - rule.hop_rows < first_row:
                continue
            hop = Hop(end_index, end_index, end_index)
            judgement = rule.judge(score, state.baseline)
            state, event = rule.update(state, score, judgement, hop, evidence(end_index))
            if event is not None:
                yield event
        if state.episode is not None and not state.episode.pending:
            yield close_episode(state.episode)

    def model_row(self) -> ModelRow:
        """The model as the trainer stores it, for the gate."""
        stored = bundle.dump(self.detector)
        times = [piece.times_us for piece in self.fitted.series]
        return ModelRow(
            version=1,
            status="champion",
            reason=None,
            metrics={},
            sha256=bundle.sha256(stored),
            trained_from=_time(min(int(part[0]) for part in times)),
            trained_until=_time(max(int(part[-1]) for part in times)),
            rows=self.fitted.rows,
            seed=self.seed,
            created_at=_time(0),
            bundle=stored,
        )


class Product:
    """The product: a first fit on all rows, and refits that must pass the gate."""

    name: ClassVar[str] = "tfstream"

    def fit(
        self,
        series: Sequence[Series],
        definition: StreamDefinition,
        seed: int,
        champion: FittedAlarms | None = None,
    ) -> FittedAlarms:
        refit = Refit(definition, TrainingOptions(seed=seed), ignore_progress)
        if not isinstance(champion, FittedProduct):
            fitted = refit.fit_without_test(series)
        else:
            fitted = refit.fit_and_test(series, champion.model_row())
            if fitted.decision is not None and not fitted.decision.promote:
                return champion
        return FittedProduct(definition=definition, fitted=fitted, seed=seed)


def _named(opened: Episode, closed: Episode, interval_us: int) -> NamedAlarm:
    """An alarm from its episode when it opened and when it closed."""
    return NamedAlarm(
        first=opened.started_us // interval_us,
        raised=opened.last_us // interval_us,
        stop=closed.last_us // interval_us,
        sensors=tuple(sensor.name for sensor in opened.sensors),
        witness=_WITNESS,
        kind=closed.kind,
        blame={sensor.name: sensor.share for sensor in closed.sensors},
        expected_per_week=closed.expected_per_week,
    )


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
