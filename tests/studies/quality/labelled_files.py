"""The labelled suites: their files and their training rows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.studies.quality.settings import QualitySettings
from tfstream.errors import UsageError


class LabelledFile(NamedTuple):
    """A file; its ``index.csv`` gives the training rows when ``train_rows`` is None."""

    path: Path
    train_rows: int | None

    @property
    def arguments(self) -> dict[str, str | int | None]:
        """The arguments of a job on this file."""
        return {"path": str(self.path), "train_rows": self.train_rows}


_SUITES: dict[str, tuple[tuple[str, ...], int | None]] = {
    "msl": (("*.parquet",), None),
    "skab": (("valve1_*.csv", "valve2_*.csv", "other_*.csv"), 400),  # as in the evaluation of SKAB's authors
    "asd": (("*.parquet",), None),
}
SUITES = tuple(_SUITES)


def files_of(suite: str, settings: QualitySettings, every: int = 1) -> list[LabelledFile]:
    """Every ``every``-th file of a suite in the order of the numbers, at most as many as the settings allow.

    :raises UsageError: when the data's folder has no file of the suite.
    """
    patterns, train_rows = _SUITES[suite]
    folder = settings.labelled / suite
    paths = [path for pattern in patterns for path in sorted(folder.glob(pattern), key=_number)]
    if not paths:
        raise UsageError(f"there are no files of the suite {suite} in {folder}")
    return [LabelledFile(path, train_rows) for path in paths[::every][: settings.files]]


def _number(path: Path) -> tuple[str, int]:
    """Sorts ``valve1_10`` after ``valve1_9``; a name without a number at its end has the number 0."""
    head, _, tail = path.stem.rpartition("_")
    return (head, int(tail)) if tail.isdigit() else (path.stem, 0)
