"""The options of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfstream.model.baselines import sklearn_baselines
from tfstream.model.detector_config import DetectorConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationOptions:
    """``train_rows`` None reads them from an ``index.csv`` beside the file. Seeds count from 0.

    ``refit_every_us`` None learns once, from the training rows.

    :raises ConfigurationError: when ``baselines`` is true and scikit-learn is not installed.
    """

    label_column: str = "label"
    time_column: str | None = None
    ignore: tuple[str, ...] = ()
    train_rows: int | None = None
    seeds: int = 1
    alarm_budget_per_week: float = 1.0
    baselines: bool = False
    refit_every_us: int | None = None
    config: DetectorConfig = field(default_factory=DetectorConfig)

    def __post_init__(self) -> None:
        if self.baselines:
            sklearn_baselines.require()
