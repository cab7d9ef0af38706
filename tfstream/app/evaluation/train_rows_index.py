"""Reads the number of training rows of a labelled file from an index beside it."""

from __future__ import annotations

from pathlib import Path

from tfstream.app.files.table_file import read_frame, require_columns
from tfstream.errors import BadData


def read_train_rows(path: Path) -> int:
    """``train_rows`` of the file's ``series`` in ``index.csv``: the rows at its beginning that are normal.

    :raises BadData: when there is no such index beside the file, or the file is not in it.
    """
    index = path.with_name("index.csv")
    if not index.is_file():
        raise BadData(
            f"{path}: give the number of normal rows at its beginning with --train-rows (there is no {index})"
        )
    frame = read_frame(index)
    require_columns(frame, ["series", "train_rows"], index)
    rows = frame.loc[frame["series"].astype(str) == path.name.split(".")[0], "train_rows"]
    if len(rows) != 1 or rows.dtype.kind not in "iu" or rows.iloc[0] < 1:
        raise BadData(f"{index} does not say how many rows of {path.name} to train on; use --train-rows")
    return int(rows.iloc[0])
