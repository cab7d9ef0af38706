"""Writes ``golden.json``: what TSB-AD 1.5 itself says of the series in ``cases.py``.

Not a test and not run by them: TSB-AD pins numpy < 2, so it cannot stand among the development tools. To
repeat the file, in a virtual environment that has tfstream:

    pip install --no-deps --target FOLDER TSB-AD==1.5
    pip install --target FOLDER -c constraints.txt scikit-learn statsmodels matplotlib
    PYTHONPATH=.:FOLDER python -m tests.studies.quality.metric_reference

What TSB-AD fails on (a series without an anomalous row, or of nothing else) is null.
"""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import Any

from tests.studies.quality.metric_cases import MetricCase, cases, channels

GOLDEN = Path(__file__).with_name("golden.json")
_THRESHOLDS = 250


def main() -> None:
    """Ask the reference and write the file."""
    warnings.simplefilter("ignore")  # of a constant channel and of a class that is absent
    find_length = importlib.import_module("TSB_AD.utils.slidingWindows").find_length_rank
    golden = {
        "cases": {case.name: _answers(case) for case in cases()},
        "periods": {name: int(find_length(channel[:, None], rank=1)) for name, channel in channels().items()},
    }
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


def _answers(case: MetricCase) -> dict[str, float | None]:
    metrics = importlib.import_module("TSB_AD.evaluation.metrics")
    grader = metrics.basic_metricor()
    if not 0 < case.labels.sum() < len(case.labels):
        names = ("vus_pr", "vus_roc", "auc_pr", "auc_roc", "affiliation_precision", "affiliation_recall")
        return dict.fromkeys(names)
    *_, vus_roc, vus_pr = metrics.generate_curve(case.labels, case.scores, case.window, "opt", _THRESHOLDS)
    affiliation = _affiliation(case)
    return {
        "vus_pr": float(vus_pr),
        "vus_roc": float(vus_roc),
        "auc_pr": float(grader.metric_PR(case.labels, case.scores)),
        "auc_roc": float(grader.metric_ROC(case.labels, case.scores)),
        "affiliation_precision": float(affiliation["Affiliation_Precision"]),
        "affiliation_recall": float(affiliation["Affiliation_Recall"]),
    }


def _affiliation(case: MetricCase) -> dict[str, Any]:
    events = importlib.import_module("TSB_AD.evaluation.affiliation.generics").convert_vector_to_events
    measure = importlib.import_module("TSB_AD.evaluation.affiliation.metrics").pr_from_events
    found: dict[str, Any] = measure(
        events(case.alarms.astype(int)), events(case.labels), (0, len(case.labels))
    )
    return found


if __name__ == "__main__":
    main()
