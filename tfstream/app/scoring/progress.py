"""The counts of a running scorer, which its monitor publishes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """What a running scorer has done since it started."""

    records: int = 0
    windows: int = 0
    commits: int = 0
    dead_letters: int = 0
    events: int = 0
    aborted: int = 0  # commits
