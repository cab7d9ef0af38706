"""What all parts of the quality study are told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """``data`` is the folder of labelled data, if there is one; JSON and pictures go to ``folder``."""

    data: Path | None
    seeds: int = 3
    processes: int = os.cpu_count() or 1
    folder: Path = Path("docs/quality")
