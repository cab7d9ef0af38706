"""Why there was an alarm, or none: what an explanation says."""

from __future__ import annotations

from dataclasses import dataclass

from tfstream.core.messages.anomaly_event import SensorShare


@dataclass(frozen=True, kw_only=True, slots=True)
class HopLine:
    """One hop that ends at ``until``; without a score where nothing could be scored. ``verdict`` in words."""

    until: str
    score: float | None
    threshold: float | None
    verdict: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TermLine:
    """A term of the score: ``value`` beside the ``usual`` one, and what it ``adds`` to the raw score."""

    term: str
    looks_at: str
    value: float
    usual: float
    adds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RescoreSummary:
    """What was computed again, and how many of the stored scores it gives digit by digit.

    ``since_takeover``: from the first score of the model on, so that the state is the one that there was.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedScore:
    """What was written at the time: an anomaly's peak, or a stored score."""

    score: float
    threshold: float
    model_version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreLevel:
    """A raw score is judged by ``(raw - usual) / spread``; from ``alarm`` on it raises one."""

    raw: float
    usual: float
    spread: float
    alarm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Of one hop of an asset, which ends at ``until``; ``findings`` say why in sentences.

    ``score`` and ``threshold`` are computed again, ``told`` is what was written then; ``exact``: they are the
    same. ``masked`` sensors had no part in the score.
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
    findings: tuple[str, ...]
    level: ScoreLevel | None
    masked: tuple[str, ...]
    terms: tuple[TermLine, ...]
    sensors: tuple[SensorShare, ...]
    hops: tuple[HopLine, ...]
    replay: RescoreSummary
