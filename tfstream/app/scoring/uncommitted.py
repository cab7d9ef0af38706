"""The work of a partition since its last commit."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfstream.streaming.records import Output


@dataclass(slots=True)
class Uncommitted:
    """Outputs and counts, and the assets whose state the next commit writes or removes.

    ``witnessed`` are the assets whose witnesses have changed.
    """

    outputs: list[Output] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    witnessed: set[str] = field(default_factory=set)
    removed: set[bytes] = field(default_factory=set)  # keys of the state topic
    dead_letters: int = 0
    episode_events: int = 0
    required: bool = False  # whether to commit even if no message was read: after a begin or a stop
