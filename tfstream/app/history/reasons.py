"""Why there was an alarm at a moment, or what was missing to one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tfstream.app.history.explanation import RecordedScore
from tfstream.app.history.hop_outcome import hop_outcome
from tfstream.app.runtime.human_units import duration_text
from tfstream.app.scoring.episode_tracker import ScoredWindow
from tfstream.app.scoring.score_batch import Champion
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.spans import Span
from tfstream.core.windowing.partition_tracks import silence_limit_us
from tfstream.core.windowing.window import WindowShape
from tfstream.storage import anomalies, exclusions, readings
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Connection
from tfstream.storage.datetimes import to_us
from tfstream.storage.streams import StreamRecord


@dataclass(frozen=True, kw_only=True)
class ExplainedMoment:
    """The hop of an asset that ends at ``until_us``; ``at_us`` is what was asked for."""

    stream: StreamRecord
    asset: str
    until_us: int
    at_us: int | None = None


def reasons(
    connection: Connection,
    moment: ExplainedMoment,
    judged: ScoredWindow | None,
    rule: AlarmRule,
    champion: Champion,
    told: RecordedScore | None,
    row: AnomalyRow | None,
) -> tuple[str, ...]:
    """Sentences, what decides first."""
    found = [] if judged is None else list(_of_a_hop(judged, rule))
    if judged is None or judged.judgement is None:
        found += _no_score(connection, moment, champion, filling=judged is None)
    found += _episodes(connection, moment, row)
    found += _exclusions(connection, moment)
    if told is None:
        found.append(
            "no score of this hop is stored: no scorer was there, it wrote none (--no-scores), or it was "
            "dropped since (`tfstream db partitions --keep`)"
        )
    return tuple(found)


def _of_a_hop(judged: ScoredWindow, rule: AlarmRule) -> Iterator[str]:
    yield hop_outcome(judged, rule)
    judgement = judged.judgement
    if judgement is not None and not judgement.exceeds:
        yield _lacking(judgement, judged, rule)
    if judgement is not None and judged.missing:
        yield f"silent in this hop, and so without a part in its score: {', '.join(judged.missing)}"


def _lacking(judgement: Judgement, judged: ScoredWindow, rule: AlarmRule) -> str:
    baseline = judged.before.baseline
    alarm = baseline.center + judgement.threshold * baseline.spread
    raw = judged.scored.score if judged.scored else float("nan")
    usual = f"normal data are as strange {judgement.expected_per_week:.3g} times a week"
    if judgement.value < rule.calibration.u:
        usual = "an ordinary one: more than a twentieth of normal data are as strange"
    return (
        f"the score is {judgement.value:.4g}, {usual}; the threshold is {judgement.threshold:.4g}, and the "
        f"raw score of {raw:.4g} would have to be {alarm:.4g}"
    )


def _no_score(
    connection: Connection, moment: ExplainedMoment, champion: Champion, *, filling: bool
) -> Iterator[str]:
    """Why no window ends here, or none with something in it."""
    definition, detector = moment.stream.definition, champion.detector
    shape = detector.shape
    hop_us = shape.hop * definition.interval_us
    last_us, next_us = readings.nearest(connection, moment.stream.id, moment.asset, moment.until_us)
    if last_us is None:
        yield f"no reading of {moment.asset} is stored before {iso(moment.until_us)}"
    elif last_us < moment.until_us - hop_us:
        yield _gap(moment, last_us, next_us, silence_limit_us(definition, shape))
    elif filling:
        yield _filling(moment, shape)


def _gap(moment: ExplainedMoment, last_us: int, next_us: int | None, limit_us: int) -> str:
    ends = "none after it" if next_us is None else f"the next one at {iso(next_us)}"
    words = f"{moment.asset} sent nothing: its last reading before is of {iso(last_us)}, {ends}"
    return (
        f"{words}; after {duration_text(limit_us / 1e6)} without a reading it counts as silent once others "
        f"of its partition have sent something"
    )


def _filling(moment: ExplainedMoment, shape: WindowShape) -> str:
    definition = moment.stream.definition
    length = duration_text(shape.rows * definition.interval_us / 1e6)
    gap = definition.staleness_rows + shape.rows
    return (
        f"the window was still filling: {shape.rows} rows in a row ({length}) must have come since the "
        f"asset's beginning, or since its last gap of more than {gap} rows, or the last rows are not "
        f"complete yet"
    )


def _episodes(connection: Connection, moment: ExplainedMoment, row: AnomalyRow | None) -> Iterator[str]:
    """The anomalies that stood then."""
    topic = moment.stream.definition.topic
    at = Span(moment.until_us - 1, moment.until_us)
    for found in anomalies.overlapping(connection, topic, moment.asset, at):
        if row is None or found.id != row.id:
            yield _standing(found)
    if row is not None and row.hidden_by:
        yield f"hidden by {row.hidden_by}"


def _standing(found: AnomalyRow) -> str:
    ended = f"to {iso(to_us(found.ended_at))}" if found.ended_at else "still open"
    words = f"an anomaly stood then ({found.kind}, from {iso(to_us(found.started_at))}, {ended}): {found.id}"
    verdict = f", {found.verdict}" if found.verdict else ""
    return words + verdict + (f"; hidden by {found.hidden_by}" if found.hidden_by else "")


def _exclusions(connection: Connection, moment: ExplainedMoment) -> Iterator[str]:
    at = Span(moment.until_us - 1, moment.until_us)
    for found in exclusions.list_all(connection, topic=moment.stream.definition.topic):
        exclusion = found.exclusion
        if exclusion.hide and exclusion.concerns(moment.asset) and exclusion.occurrences(at):
            sensor = f" of {found.sensor_pattern}" if found.sensor_pattern else ""
            reason = found.reason or "no reason given"
            yield f"exclusion {found.id} hides alarms{sensor} at that time: {reason}"
