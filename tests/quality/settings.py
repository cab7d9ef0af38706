"""What a run of the quality study is given."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``data``: the folder of labelled series, if there is one; ``folder``: where figures and pictures go."""

    data: Path | None
    seeds: int = 3
    processes: int = os.cpu_count() or 1
    folder: Path
