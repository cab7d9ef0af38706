"""The counts of a running scorer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """What a running scorer has done since it started. Messages that a restore reads again count once."""

    records: int = 0
    windows: int = 0  # scored
    unscored_windows: int = 0  # since the last scored window: no reading from any sensor the model knows
    commits: int = 0
    dead_letters: int = 0
    events: int = 0
    aborted: int = 0  # commits
