"""The product as a method of the study of alarms: its own fit, its own rule, its own gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tests.studies.quality.runs import ignore_progress
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection.score_series import SeriesEvidence, raise_episodes, score_series
from tfstream.app.training.refit import Fitted, Refit
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.model import bundle
from tfstream.model.scoring.detector import Detector
from tfstream.storage.models import ModelRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        detector, asset, values = self.detector, series.asset, series.values
        raised = raise_episodes(
            alarm_rule(self.definition, detector, asset),
            asset,
            score_series(detector, asset, values),
            first_row=first_row,
            evidence=SeriesEvidence(self.definition, detector, asset, values),
        )
        return [_named(alarm, self.definition.interval_us) for alarm in raised]

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


def _named(alarm: RaisedAlarm, interval_us: int) -> NamedAlarm:
    """An alarm with the first and the main sensors of its episode when it opened, and the final blame."""
    first, raised, stop = alarm.in_rows(interval_us)
    opened = alarm.opened
    ranked = [sensor.name for sensor in opened.sensors[:1]]
    return NamedAlarm(
        first=first,
        raised=raised,
        stop=stop,
        sensors=tuple(dict.fromkeys([*ranked, *opened.main_sensors])),
        witness="" if opened.witness is None else opened.witness.value,
        kind=alarm.episode.kind,
        blame={sensor.name: sensor.share for sensor in alarm.episode.sensors},
        expected_per_week=alarm.episode.expected_per_week,
    )


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
