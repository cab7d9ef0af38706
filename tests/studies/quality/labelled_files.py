"""The labelled suites: which files, and what is learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.studies.quality.settings import QualitySettings
from tfstream.errors import UsageError


class LabelledFile(NamedTuple):
    """``train_rows`` None: the ``index.csv`` beside it says it."""

    path: Path
    train_rows: int | None

    @property
    def arguments(self) -> dict[str, str | int | None]:
        """What a job is told of it."""
        return {"path": str(self.path), "train_rows": self.train_rows}


_SUITES: dict[str, tuple[tuple[str, ...], int | None]] = {
    "msl": (("*.parquet",), None),
    "skab": (("valve1_*.csv", "valve2_*.csv", "other_*.csv"), 400),  # as SKAB's authors learn from it
    "asd": (("*.parquet",), None),
}
SUITES = tuple(_SUITES)


def files_of(suite: str, settings: QualitySettings, every: int = 1) -> list[LabelledFile]:
    """A suite's files in the order of their numbers, each ``every``-th of them, as many as the run takes.

    :raises UsageError: when the data's folder has none.
    """
    patterns, train_rows = _SUITES[suite]
    folder = settings.labelled / suite
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern), key=_number)]
    if not found:
        raise UsageError(f"there are no files of the suite {suite} in {folder}")
    return [LabelledFile(path, train_rows) for path in found[::every][: settings.files]]


def _number(path: Path) -> tuple[str, int]:
    """``valve1_10`` after ``valve1_9``; names that do not end with a number by themselves."""
    head, _, tail = path.stem.rpartition("_")
    return (head, int(tail)) if tail.isdigit() else (path.stem, 0)
