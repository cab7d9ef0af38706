"""What a refit learns from, and how: the options that every step of it is given."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfstream.model.detector_config import DetectorConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOptions:
    """The span of event time to learn from, in microseconds, ends included; None is open.

    ``config`` is the one source of window, hop and network sizes for reading, fitting and the gate.
    """

    since_us: int | None = None
    until_us: int | None = None
    seed: int = 0
    promote: bool = True
    gate: bool = True  # test the model on the newest rows, held out, before it learns them and is promoted
    config: DetectorConfig = field(default_factory=DetectorConfig)
