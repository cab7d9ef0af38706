"""The refits of an evaluation: fitted, tested and promoted as the trainer does it, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tfstream.app.detection.champion import Champion
from tfstream.app.evaluation.evaluation_result import Refits
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.app.training.normal_pieces import NormalRules, normal_pieces
from tfstream.app.training.refit import Fitted, Refit, Report
from tfstream.app.training.trainer import RefitPlan
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.exclude import ExcludedCells
from tfstream.core.learning.normal_rows import TrainingEpisode
from tfstream.core.reading import Series
from tfstream.errors import BadData
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.detector import Detector
from tfstream.storage.datetimes import to_datetime
from tfstream.storage.models import ModelRow


@dataclass(frozen=True, kw_only=True)
class StoredChampion:
    """A champion, and its ``row`` as the table of models would have it."""

    champion: Champion
    row: ModelRow

    @classmethod
    def of(cls, detector: Detector, series: Sequence[Series], version: int, seed: int) -> StoredChampion:
        """The champion of a fit to ``series``."""
        stored = bundle.dump(detector)
        sha256 = bundle.sha256(stored)
        last_us = max(int(piece.times_us[-1]) for piece in series)
        row = ModelRow(
            version=version,
            status="champion",
            reason=None,
            metrics={},
            sha256=sha256,
            trained_from=to_datetime(min(int(piece.times_us[0]) for piece in series)),
            trained_until=to_datetime(last_us),
            rows=sum(len(piece.times_us) for piece in series),
            seed=seed,
            created_at=to_datetime(last_us),
            bundle=stored,
        )
        return cls(champion=Champion(detector, version, sha256), row=row)


class EvaluationRefits:
    """Refits of one labelled series, and their counts; a refit that is not promoted keeps the champion."""

    def __init__(self, labelled: LabelledSeries, first: Detector, seed: int, config: DetectorConfig) -> None:
        self._labelled, self._seed, self._config = labelled, seed, config
        learnt = _part(labelled.series, 0, labelled.train_rows)
        self.current = StoredChampion.of(first, [learnt], 1, seed)
        self._history_rows = max(
            _trainer_history_us() // labelled.definition.interval_us, labelled.train_rows
        )
        self._counts = {"promoted": 0, "rejected": 0, "failed": 0}

    @property
    def counts(self) -> Refits:
        return Refits(**self._counts)

    def refit(self, row: int, episodes: Sequence[TrainingEpisode], report: Report) -> None:
        """Refit on the normal rows before ``row``, of the newest history alone."""
        try:
            fitted = self._fit(self._normal(row, episodes), report)
        except BadData:  # too little is left to learn from: the trainer logs it, and the champion stays
            self._counts["failed"] += 1
            return
        promoted = fitted.decision is None or fitted.decision.promote
        self._counts["promoted" if promoted else "rejected"] += 1
        if promoted:
            version = self.current.champion.version + 1
            self.current = StoredChampion.of(fitted.detector, fitted.series, version, self._seed)

    def _fit(self, series: Sequence[Series], report: Report) -> Fitted:
        options = TrainingOptions(seed=self._seed, config=self._config)
        return Refit(self._labelled.definition, options, report).fit_and_test(series, self.current.row)

    def _normal(self, row: int, episodes: Sequence[TrainingEpisode]) -> list[Series]:
        labelled = self._labelled
        piece = _part(labelled.series, max(row - self._history_rows, 0), row)
        rules = NormalRules(
            definition=labelled.definition, config=self._config, exclusions=(), episodes=episodes
        )
        return normal_pieces([piece], rules, ExcludedCells())


def _trainer_history_us() -> int:
    return RefitPlan().history // timedelta(microseconds=1)


def _part(series: Series, start: int, stop: int) -> Series:
    """A copy of some rows: what a refit leaves out is taken out in place."""
    return Series(series.asset, series.times_us[start:stop].copy(), series.values[start:stop].copy())
