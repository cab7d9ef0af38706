"""Writes ``metric_reference.json``: what TSB-AD 1.5 computes for the series in ``metric_cases.py``.

This is no test: TSB-AD pins numpy < 2, so it cannot be a development dependency. To write the file again, in
a virtual environment that has tfstream:

    pip install --no-deps --target FOLDER TSB-AD==1.5
    pip install --target FOLDER -c constraints.txt scikit-learn statsmodels matplotlib
    PYTHONPATH=.:FOLDER python -m tests.studies.quality.metric_reference

Values are null where TSB-AD fails: on a series without an anomalous row, or with anomalous rows only.
"""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import Any

from tests.studies.quality.metric_cases import MetricCase, cases, channels

REFERENCE_FILE = Path(__file__).with_name("metric_reference.json")
_THRESHOLDS = 250


def main() -> None:
    """Compute the reference values and write the file."""
    warnings.simplefilter("ignore")  # warnings about a constant channel and about an absent class
    find_length = importlib.import_module("TSB_AD.utils.slidingWindows").find_length_rank
    reference = {
        "cases": {case.name: _values(case) for case in cases()},
        "periods": {name: int(find_length(channel[:, None], rank=1)) for name, channel in channels().items()},
    }
    REFERENCE_FILE.write_text(json.dumps(reference, indent=1) + "\n", encoding="utf-8")


def _values(case: MetricCase) -> dict[str, float | None]:
    metrics = importlib.import_module("TSB_AD.evaluation.metrics")
    metric = metrics.basic_metricor()
    if not 0 < case.labels.sum() < len(case.labels):
        names = ("vus_pr", "vus_roc", "auc_pr", "auc_roc", "affiliation_precision", "affiliation_recall")
        return dict.fromkeys(names)
    *_, vus_roc, vus_pr = metrics.generate_curve(case.labels, case.scores, case.window, "opt", _THRESHOLDS)
    affiliation = _affiliation(case)
    return {
        "vus_pr": float(vus_pr),
        "vus_roc": float(vus_roc),
        "auc_pr": float(metric.metric_PR(case.labels, case.scores)),
        "auc_roc": float(metric.metric_ROC(case.labels, case.scores)),
        "affiliation_precision": float(affiliation["Affiliation_Precision"]),
        "affiliation_recall": float(affiliation["Affiliation_Recall"]),
    }


def _affiliation(case: MetricCase) -> dict[str, Any]:
    events = importlib.import_module("TSB_AD.evaluation.affiliation.generics").convert_vector_to_events
    measure = importlib.import_module("TSB_AD.evaluation.affiliation.metrics").pr_from_events
    result: dict[str, Any] = measure(
        events(case.alarms.astype(int)), events(case.labels), (0, len(case.labels))
    )
    return result


if __name__ == "__main__":
    main()
