"""The options of a scorer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfstream.core.messages.dead_letter_limit import DeadLetterLimit


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerOptions:
    """``start`` is where a group without commits begins: ``earliest`` or ``latest``."""

    group: str
    transactional_id: str
    instance: str | None = None  # the name of a static member
    commit_interval_s: float = 1.0
    start: str = "earliest"
    until_end: bool = False
    write_scores: bool = True
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)
