"""An asset's way up to a moment, computed again: every score, and all of the hops around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from tfstream.app.history.explanation import RescoreSummary
from tfstream.app.history.rescoring import Progress, RescoredSpan, Rescorer, silences
from tfstream.app.scoring.episode_tracker import ScoredWindow
from tfstream.app.scoring.score_batch import Champion
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.spans import Span
from tfstream.errors import BadData
from tfstream.storage import readings, scores
from tfstream.storage.database import Database
from tfstream.storage.scores import ScorePoint
from tfstream.storage.streams import StreamRecord


@dataclass(slots=True)
class ScoreHistory:
    """``scores`` of all hops in order, ``around`` the hops that end in the span ``focus``, by their ends."""

    interval_us: int
    focus: Span
    scores: list[ScorePoint] = field(default_factory=list)
    around: dict[int, ScoredWindow] = field(default_factory=dict)

    def __call__(self, judged: ScoredWindow) -> None:
        end_us = judged.window.end_us(self.interval_us)
        if judged.judgement is not None:
            self.scores.append(ScorePoint(end_us, judged.judgement.value, judged.judgement.threshold))
        if self.focus.start_us <= end_us <= self.focus.end_us:
            self.around[end_us] = judged


@dataclass(frozen=True, kw_only=True)
class RescoreRequest:
    """Which asset of which stream, under which model, and how far back to begin at most."""

    database: Database
    stream: StreamRecord
    champion: Champion
    asset: str
    most_us: int


def rescore(
    asked: RescoreRequest, until_us: int, focus: Span, progress: Progress
) -> tuple[ScoreHistory, RescoreSummary]:
    """The way up to ``focus``, from where the model took the asset over, if that is not too far back.

    :raises BadData: when the readings of the window that ends at ``until_us`` are not stored any more.
    """
    stream, asset, version = asked.stream, asked.asset, asked.champion.version
    window_us = asked.champion.detector.window_rows * stream.definition.interval_us
    with asked.database.begin() as connection:
        first_us = readings.oldest_us(connection, stream.id, asset)
        took_over_us = scores.version_since_us(connection, stream.id, asset, version, until_us)
    first_us = _still_stored(asset, first_us, until_us, window_us)
    earliest_us = max(until_us - asked.most_us, first_us)
    whole = took_over_us is not None and took_over_us - window_us >= earliest_us
    start_us = took_over_us - 1 if took_over_us is not None and whole else earliest_us
    trail = ScoreHistory(stream.definition.interval_us, focus)
    silent = silences(asked.database, stream, asset, Span(start_us - window_us, focus.end_us))
    review = Rescorer(asked.database, stream, asked.champion, asset, silent=silent, see=trail)
    reviewed = review.run(start_us, focus.end_us, progress)
    return trail, _compared(asked, trail, reviewed, Span(start_us, until_us), whole)


def _still_stored(asset: str, first_us: int | None, until_us: int, window_us: int) -> int:
    if first_us is None:
        raise BadData(
            f"no reading of {asset} is stored; `tfstream record` and `tfstream load` store them, and the "
            f"assets that there are stand in the view asset_health"
        )
    if first_us >= until_us:
        raise BadData(
            f"the readings of {asset} at {iso(until_us - window_us)} are not stored, or not any more: the "
            f"oldest is of {iso(first_us)} (`tfstream db partitions --keep` drops older days)"
        )
    return first_us


def _compared(
    asked: RescoreRequest, trail: ScoreHistory, reviewed: RescoredSpan, span: Span, whole: bool
) -> RescoreSummary:
    """Against what the scorer wrote, up to the moment that was asked for."""
    with asked.database.begin() as connection:
        stored = scores.read(connection, asked.stream.id, asked.asset, span.start_us, span.end_us)
    known = {point.time_us: point for point in trail.scores}
    differences = [(point.time_us, _distance(point, known.get(point.time_us))) for point in stored]
    different = [time_us for time_us, distance in differences if distance != 0.0]
    finite = [distance for _, distance in differences if distance is not None]
    return RescoreSummary(
        model_version=asked.champion.version,
        since=iso(reviewed.first_us if reviewed.first_us is not None else span.start_us),
        until=iso(span.end_us),
        since_takeover=whole,
        readings=reviewed.readings,
        stored_scores=len(stored),
        same_scores=len(stored) - len(different),
        largest_difference=max(finite, default=0.0),
        first_difference=iso(different[0]) if different else None,
    )


def _distance(stored: ScorePoint, found: ScorePoint | None) -> float | None:
    """None where nothing was computed for a stored score."""
    return None if found is None else abs(stored.score - found.score)


def between(points: Sequence[ScorePoint], span: Span) -> Sequence[ScorePoint]:
    """Those of a span, ends included; they are in order."""
    times = [point.time_us for point in points]
    return points[bisect_right(times, span.start_us - 1) : bisect_right(times, span.end_us)]
