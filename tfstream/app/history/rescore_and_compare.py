"""The scores of an asset up to a hop, computed again and compared with the stored scores."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tfstream.app.detection.asset_update import AssetUpdate, ScoredWindow
from tfstream.app.detection.champion import Champion
from tfstream.app.history.explanation import RescoreSummary
from tfstream.app.history.rescoring import Progress, RescoredSpan, Rescorer, WitnessLead, read_silences
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.spans import Span
from tfstream.errors import BadData
from tfstream.storage import readings, scores
from tfstream.storage.database import Database
from tfstream.storage.scores import ScorePoint
from tfstream.storage.streams import StreamRecord


@dataclass(slots=True)
class RescoredHistory:
    """Collects ``scores`` of all hops in order, and the ``hops`` that end in ``focus``, by their ends.

    ``between_hops`` are windows between two hops, only in slow streams, in which another witness than the
    score is above the level that keeps an alarm open.
    """

    interval_us: int
    focus: Span
    scores: list[ScorePoint] = field(default_factory=list)
    hops: dict[int, ScoredWindow] = field(default_factory=dict)
    between_hops: dict[int, ScoredWindow] = field(default_factory=dict)

    def __call__(self, update: AssetUpdate) -> None:
        if update.window is not None:
            self._add(update.window, self.hops)
        if update.between_hops is not None:
            self._add(update.between_hops, self.between_hops)

    def at(self, end_us: int) -> ScoredWindow | None:
        """The window that ends at a time: a hop, or a row between two hops."""
        return self.hops.get(end_us) or self.between_hops.get(end_us)

    def _add(self, window: ScoredWindow, to: dict[int, ScoredWindow]) -> None:
        end_us = window.window.end_us(self.interval_us)
        if window.scored is not None and window.judgement is not None:
            self.scores.append(ScorePoint(end_us, window.judgement.value, window.judgement.threshold))
        if self.focus.start_us <= end_us <= self.focus.end_us:
            to[end_us] = window


@dataclass(frozen=True, kw_only=True)
class RescoreRequest:
    """An asset of a stream, the model to score it with, and how far back to begin at most."""

    database: Database
    stream: StreamRecord
    champion: Champion
    asset: str
    max_replay_us: int


def rescore_and_compare(
    request: RescoreRequest, until_us: int, focus: Span, progress: Progress
) -> tuple[RescoredHistory, RescoreSummary]:
    """Score the asset again up to the end of ``focus``; compare with the stored scores up to ``until_us``.

    Rescoring begins where the model scored the asset for the first time, if that is not too far back.

    :raises BadData: when the readings of the window that ends at ``until_us`` are not stored any more.
    """
    stream, asset = request.stream, request.asset
    window_us = request.champion.detector.window_rows * stream.definition.interval_us
    start = _start(request, until_us, window_us)
    history = RescoredHistory(stream.definition.interval_us, focus)
    silent = read_silences(request.database, stream, asset, Span(start.start_us - window_us, focus.end_us))
    rescorer = Rescorer(request.database, stream, request.champion, asset, silent=silent, on_update=history)
    lead = _lead(request, start, rescorer.lead_us)
    rescored = rescorer.run(start.start_us, focus.end_us, progress, lead=lead)
    return history, _compare(request, history, rescored, start, lead, until_us)


class _Start(NamedTuple):
    """Where rescoring begins; ``since_takeover`` at the first score of the model: the state is the same."""

    start_us: int
    since_takeover: bool


def _start(request: RescoreRequest, until_us: int, window_us: int) -> _Start:
    stream, asset, version = request.stream, request.asset, request.champion.version
    with request.database.begin() as connection:
        oldest_us = readings.oldest_us(connection, stream.id, asset)
        took_over_us = scores.version_since_us(connection, stream.id, asset, version, until_us)
    oldest_us = _require_readings(asset, oldest_us, until_us, window_us)
    earliest_us = max(until_us - request.max_replay_us, oldest_us)
    if took_over_us is not None and took_over_us - window_us >= earliest_us:
        return _Start(took_over_us - 1, since_takeover=True)
    return _Start(earliest_us, since_takeover=False)


def _lead(request: RescoreRequest, start: _Start, lead_us: int) -> WitnessLead:
    """Where the witnesses begin.

    At the first score of the model, they have followed the asset since the first score of an earlier model;
    without one, since their first window.
    """
    from_us, stream = start.start_us - lead_us, request.stream
    if not start.since_takeover:
        return WitnessLead(from_us, another_model=False)
    with request.database.begin() as connection:
        first_us = scores.first_since_us(connection, stream.id, request.asset, from_us)
    hop_us = request.champion.detector.hop_rows * stream.definition.interval_us
    if first_us is not None:
        from_us = max(from_us, first_us - hop_us)
    return WitnessLead(from_us, another_model=True)


def _require_readings(asset: str, oldest_us: int | None, until_us: int, window_us: int) -> int:
    """:raises BadData: when no reading before ``until_us`` is stored."""
    if oldest_us is None:
        raise BadData(
            f"no reading of {asset} is stored; `tfstream record` and `tfstream load` store readings, and the "
            f"view asset_health lists the assets"
        )
    if oldest_us >= until_us:
        raise BadData(
            f"the readings of {asset} at {iso(until_us - window_us)} are not stored, or not any more: the "
            f"oldest reading is from {iso(oldest_us)} (`tfstream db partitions --keep` drops older days)"
        )
    return oldest_us


def _compare(
    request: RescoreRequest,
    history: RescoredHistory,
    rescored: RescoredSpan,
    start: _Start,
    lead: WitnessLead,
    until_us: int,
) -> RescoreSummary:
    span = Span(start.start_us, until_us)
    with request.database.begin() as connection:
        stored = scores.read(connection, request.stream.id, request.asset, span.start_us, span.end_us)
    computed = {point.time_us: point for point in history.scores}
    differences = [(point.time_us, _difference(point, computed.get(point.time_us))) for point in stored]
    different = [time_us for time_us, difference in differences if difference != 0.0]
    finite = [difference for _, difference in differences if difference is not None]
    return RescoreSummary(
        model_version=request.champion.version,
        since=iso(rescored.first_us if rescored.first_us is not None else span.start_us),
        until=iso(span.end_us),
        since_takeover=start.since_takeover,
        readings=rescored.readings,
        stored_scores=len(stored),
        same_scores=len(stored) - len(different),
        largest_difference=max(finite, default=0.0),
        first_difference=iso(different[0]) if different else None,
        lead_missing_s=_missing_s(rescored, start, lead),
    )


def _missing_s(rescored: RescoredSpan, start: _Start, lead: WitnessLead) -> float:
    """How much of the witnesses' lead before the first score has no stored reading at its beginning."""
    if rescored.lead_us is None or lead.another_model:
        return 0.0
    return max(min(rescored.lead_us, start.start_us) - lead.from_us, 0) / 1e6


def _difference(stored: ScorePoint, computed: ScorePoint | None) -> float | None:
    """None where rescoring gave no score for a stored score."""
    return None if computed is None else abs(stored.score - computed.score)


def points_within(points: Sequence[ScorePoint], span: Span) -> Sequence[ScorePoint]:
    """The points of a span, ends included; ``points`` are in order of time."""
    times = [point.time_us for point in points]
    return points[bisect_right(times, span.start_us - 1) : bisect_right(times, span.end_us)]
