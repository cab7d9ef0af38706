"""Writes the scores of evaluated files, row by row, into a file for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.app.evaluation.row_scores import RowScores
from tfstream.errors import UsageError


def check_scores_path(path: Path) -> None:
    """Check before the work that the scores can be written after it.

    :raises UsageError: when the name has no known ending, or the folder does not exist.
    """
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise UsageError(f"{path} must end in .csv, .csv.gz or .parquet")
    if not path.resolve().parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write {path.name} into")


def write_scores(path: Path, files: Sequence[tuple[LabelledSeries, Sequence[RowScores]]]) -> None:
    """Columns: file, row (from 0), label, train (1 for training rows), method, seed (or empty), score."""
    frames = [_frame(labelled, scores) for labelled, runs in files for scores in runs]
    table = pd.concat(frames, ignore_index=True)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)


def _frame(labelled: LabelledSeries, scores: RowScores) -> pd.DataFrame:
    rows = np.arange(len(labelled.labels))
    frame = pd.DataFrame(
        {
            "file": str(labelled.path),
            "row": rows,
            "label": labelled.labels.astype(np.int8),
            "train": (rows < labelled.train_rows).astype(np.int8),
            "method": scores.method,
            "seed": scores.seed,
            "score": scores.scores,
        }
    )
    return frame.astype({"seed": "Int64"})
