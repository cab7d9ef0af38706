"""The settings of the quality study."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tfstream.errors import UsageError

CACHE = Path("build/quality")


@dataclass(frozen=True, kw_only=True)
class QualitySettings:
    """``data`` is the folder of labelled suites; ``folder`` receives the JSON files and pictures.

    ``files`` limits every suite to its first files: a reduced run, which is marked as such. Finished jobs are
    kept in ``cache``, so that an interrupted run continues where it stopped. In the part ``alarms``, ``only``
    and ``method`` choose the suites and methods whose names contain them.
    """

    data: Path | None
    seeds: int = 3
    processes: int = os.cpu_count() or 1
    folder: Path = Path("docs/quality")
    files: int | None = None
    only: str = ""
    method: str = ""
    cache: Path = CACHE

    @property
    def labelled(self) -> Path:
        """The folder of labelled suites.

        :raises UsageError: when there is none.
        """
        if self.data is None or not self.data.is_dir():
            raise UsageError(
                "this part needs labelled data: name its folder with --data or TFSTREAM_TEST_DATA"
            )
        return self.data

    def command(self, part: str) -> str:
        """The command that repeats a part; without the data's folder, which differs between machines."""
        files = "" if self.files is None else f" --files {self.files}"
        only = f" --only {self.only!r}" if self.only else ""
        method = f" --method {self.method!r}" if self.method else ""
        return f"python -m tests.studies.quality {part} --seeds {self.seeds}{files}{only}{method}"

    @property
    def reduced(self) -> str | None:
        """How this run is reduced, or None for a full run."""
        return None if self.files is None else f"at most {self.files} files of every suite"


def default_data() -> Path | None:
    """The folder in TFSTREAM_TEST_DATA, or else the one beside the repository; None if it does not exist."""
    named = os.environ.get("TFSTREAM_TEST_DATA")
    folder = Path(named) if named else Path("../shared/data")
    return folder.resolve() if folder.is_dir() else None
