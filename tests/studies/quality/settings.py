"""What the quality study is run with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tfstream.errors import UsageError

CACHE = Path("build/quality")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``data`` is the folder of labelled suites; ``folder`` takes the JSON files and pictures.

    ``files`` limits every suite to its first so many files: a reduced run, which says so. Finished jobs are
    kept in ``cache``, so that an interrupted run goes on where it was.
    """

    data: Path | None
    seeds: int = 3
    processes: int = os.cpu_count() or 1
    folder: Path = Path("docs/quality")
    files: int | None = None
    cache: Path = CACHE

    @property
    def labelled(self) -> Path:
        """:raises UsageError: when there is no labelled data."""
        if self.data is None or not self.data.is_dir():
            raise UsageError(
                "this part needs labelled data: name its folder with --data or TFSTREAM_TEST_DATA"
            )
        return self.data


def default_data() -> Path | None:
    """The folder in TFSTREAM_TEST_DATA, or the one beside the repository, where there is one."""
    named = os.environ.get("TFSTREAM_TEST_DATA")
    folder = Path(named) if named else Path("../shared/data")
    return folder.resolve() if folder.is_dir() else None
