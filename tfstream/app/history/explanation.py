"""The records of an explanation: why there was an alarm at a hop, or no alarm."""

from __future__ import annotations

from dataclasses import dataclass

from tfstream.core.messages.anomaly_event import SensorShare
from tfstream.core.messages.witness import Witness


@dataclass(frozen=True, kw_only=True, slots=True)
class HopLine:
    """A hop that ends at ``until``; ``verdict`` says in words what it did to the episode.

    ``score``, ``threshold``, ``expected_per_week`` and ``witness`` are None where the hop could not be
    scored.
    """

    until: str
    score: float | None
    threshold: float | None
    expected_per_week: float | None
    witness: Witness | None
    verdict: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TermLine:
    """A term of the score: its ``value``, its ``usual`` value, and the part it ``adds`` to the raw score."""

    term: str
    looks_at: str
    value: float
    usual: float
    adds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RescoreSummary:
    """What was computed again; ``same_scores`` of the ``stored_scores`` are identical digit by digit.

    ``since_takeover`` is true where rescoring began at the model's first score of the asset, so that the
    state is the same as the scorer's. ``lead_missing_s``: how much of the time before ``since``, which the
    witnesses look back to, has no stored readings.
    """

    model_version: int
    since: str
    until: str
    since_takeover: bool
    readings: int
    stored_scores: int
    same_scores: int
    largest_difference: float
    first_difference: str | None
    lead_missing_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedScore:
    """The score that was recorded at the time: an anomaly's peak, or a stored score.

    It is the value of ``witness``. ``scale_s`` is None for a stored score, whose time scale is not stored.
    """

    score: float
    threshold: float
    model_version: int
    witness: Witness = Witness.SCORE
    scale_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreLevel:
    """The score ``value`` is ``(raw - usual) / spread``; a raw score of ``alarm`` is at the threshold.

    It is the witness ``score``, also where the value of another witness is rarer.
    """

    value: float
    raw: float
    usual: float
    spread: float
    alarm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The explanation of an asset's hop that ends at ``until``; ``findings`` give the reasons in sentences.

    ``score`` and ``threshold`` are computed again, ``told`` is the recorded score, and ``exact`` says whether
    they are the same. ``witness`` is the statistic whose value the score is, at a time scale of ``scale_s``
    seconds if it has a time scale, and ``reason`` says in words what it saw. ``masked`` sensors were left out
    of the score.
    """

    topic: str
    asset: str
    since: str
    until: str
    anomaly_id: str | None
    verdict: str | None
    score: float | None
    threshold: float | None
    told: RecordedScore | None
    exact: bool | None
    budget_per_week: float
    expected_per_week: float | None
    witness: Witness | None
    scale_s: float | None
    reason: str | None
    findings: tuple[str, ...]
    level: ScoreLevel | None
    masked: tuple[str, ...]
    terms: tuple[TermLine, ...]
    sensors: tuple[SensorShare, ...]
    hops: tuple[HopLine, ...]
    replay: RescoreSummary
