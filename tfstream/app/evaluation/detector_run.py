"""Runs the detector on a labelled file as a stream would: fitted, calibrated, with alarms under the budget.

Labels only measure the run: neither the fit nor the threshold uses them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection.score_series import score_series, series_episodes, spread
from tfstream.app.evaluation.evaluation_result import PRODUCT, AlarmQuality, EvaluationRun
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.app.evaluation.row_scores import RowScores, measure_run
from tfstream.core.quality.affiliation import affiliation, affiliation_by_chance
from tfstream.core.quality.event_quality import Alarm, alarmed_rows, match_alarms
from tfstream.core.reading import Series
from tfstream.errors import BadData
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.fitting.train_network import Report
from tfstream.model.scoring.detector import Detector


def run_detector(
    labelled: LabelledSeries, seed: int, config: DetectorConfig, report: Report
) -> tuple[EvaluationRun, RowScores]:
    """Fit the detector on the training rows, score all rows and measure the scores and alarms.

    :raises BadData: when the training rows are too few or empty, or no window has a reading.
    """
    began = time.monotonic()
    return measure_detector(labelled, fit_detector(labelled, seed, config, report), seed, began)


def fit_detector(labelled: LabelledSeries, seed: int, config: DetectorConfig, report: Report) -> Detector:
    """The detector, fitted on the training rows only.

    :raises BadData: when the training rows are too few or empty.
    """
    asset, times_us, values = labelled.series
    train = slice(0, labelled.train_rows)
    definition = labelled.definition
    series = [Series(asset, times_us[train], values[train])]
    try:
        return fit(
            series,
            definition.sensors,
            definition.interval_us,
            config,
            seed,
            report,
            staleness_rows=definition.staleness_rows,
            time_zone=definition.time_zone or "UTC",
        )
    except BadData as error:
        raise BadData(f"{labelled.path}: {error}") from None


def measure_detector(
    labelled: LabelledSeries, detector: Detector, seed: int, began: float
) -> tuple[EvaluationRun, RowScores]:
    """The figures of a detector fitted with ``seed``; ``began`` is the start on the monotonic clock.

    :raises BadData: when no window of the file has a reading.
    """
    asset, _, values = labelled.series
    hops = score_series(detector, asset, values)
    if not len(hops.scores):
        raise BadData(f"{labelled.path} has no window of {detector.window_rows} rows with a reading in it")
    scores = spread(hops, hop_rows=detector.hop_rows, rows=len(values))
    seconds = time.monotonic() - began
    row_scores = RowScores(method=PRODUCT, seed=seed, scores=scores)
    alarms = alarm_quality(_raise_alarms(detector, labelled), labelled, detector)
    return measure_run(labelled, row_scores, seconds, alarms), row_scores


def _raise_alarms(detector: Detector, labelled: LabelledSeries) -> list[Alarm]:
    """The alarms on the test rows, for an asset whose scoring begins when training ends."""
    definition = labelled.definition
    raised = series_episodes(definition, detector, labelled.series, first_row=labelled.train_rows)
    return [alarm.in_rows(definition.interval_us) for alarm in raised]


def alarm_quality(alarms: Sequence[Alarm], labelled: LabelledSeries, detector: Detector) -> AlarmQuality:
    """The quality of alarms on the test rows; ``detector`` gives the threshold."""
    definition, train_rows = labelled.definition, labelled.train_rows
    budget = definition.alarm_budget_per_week
    tested = [type(alarm)(*(row - train_rows for row in alarm)) for alarm in alarms]
    labels = labelled.labels[train_rows:]
    alarmed = alarmed_rows(tested, len(labels))
    return AlarmQuality(
        counts=match_alarms(tested, labels, rows_per_week=definition.rows_per_week),
        alarmed_share=float(alarmed.mean()),
        affiliation=affiliation(alarmed, labels),
        affiliation_by_chance=affiliation_by_chance(alarmed, labels),
        threshold=alarm_rule(definition, detector, labelled.series.asset).score_threshold,
        extrapolated=detector.calibration.extrapolated(budget),
    )
