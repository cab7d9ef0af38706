"""The product as a method of the study of alarms: its own fit, its own rule, its own gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tests.studies.quality.runs import ignore_progress
from tfstream.app.detection.score_series import series_episodes
from tfstream.app.evaluation.evaluation_refits import StoredChampion
from tfstream.app.training.refit import Fitted, Refit
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.detector import Detector


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
        raised = series_episodes(self.definition, self.detector, series, first_row=first_row)
        return [_named(alarm, self.definition.interval_us) for alarm in raised]


@dataclass(frozen=True, kw_only=True)
class Product:
    """The product: a first fit on all rows, and refits that must pass the gate."""

    name: ClassVar[str] = "tfstream"
    config: DetectorConfig = field(default_factory=DetectorConfig)

    def fit(
        self,
        series: Sequence[Series],
        definition: StreamDefinition,
        seed: int,
        champion: FittedAlarms | None = None,
    ) -> FittedAlarms:
        refit = Refit(definition, TrainingOptions(seed=seed, config=self.config), ignore_progress)
        if not isinstance(champion, FittedProduct):
            fitted = refit.fit_without_test(series)
        else:
            row = StoredChampion.of(champion.detector, champion.fitted.series, 1, champion.seed).row
            fitted = refit.fit_and_test(series, row)
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
        standing=None if alarm.episode.standing_us is None else alarm.episode.standing_us // interval_us,
    )
