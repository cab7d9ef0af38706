"""Why there was an alarm at a hop, or what was missing for an alarm, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from tfstream.app.detection.asset_update import ScoredWindow
from tfstream.app.history.hop_outcome import hop_outcome
from tfstream.app.history.seen_at_hop import seen_at_hop
from tfstream.app.history.stored_hop import StoredHop
from tfstream.app.runtime.human_units import duration_text, rate_text, witness_text
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.messages.witness import Witness
from tfstream.core.windowing.partition_tracks import silence_limit_us
from tfstream.core.windowing.window import WindowShape
from tfstream.storage import anomalies, exclusions, readings
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Connection
from tfstream.storage.datetimes import to_us


def reasons(
    connection: Connection, stored: StoredHop, rule: AlarmRule, hop: ScoredWindow | None
) -> tuple[str, ...]:
    """Sentences, the decisive reason first; ``hop`` is None where no window ends at the hop."""
    sentences = [] if hop is None else list(_hop_reasons(hop, rule, stored))
    if hop is None or hop.judgement is None:
        sentences += _gap_reasons(connection, stored, no_window=hop is None)
    sentences += _open_anomalies(connection, stored)
    sentences += _exclusions(connection, stored)
    if stored.recorded is None:
        sentences.append(
            "no score of this hop is stored: no scorer ran, the scorer wrote no scores (--no-scores), or the "
            "score was dropped (`tfstream db partitions --keep`)"
        )
    return tuple(sentences)


def _hop_reasons(hop: ScoredWindow, rule: AlarmRule, stored: StoredHop) -> Iterator[str]:
    yield hop_outcome(hop, rule)
    judgement = hop.judgement
    seen = None if judgement is None else seen_at_hop(stored, judgement, hop.evidence.sensors())
    if seen is not None:
        yield seen
    if judgement is not None and not judgement.exceeds:
        yield _missing_for_alarm(judgement, hop, rule)
    if judgement is not None and hop.missing:
        yield f"no reading in this hop, and so left out of the score: {', '.join(hop.missing)}"
    if hop.out:
        yield f"out of order, and so left out of the score: {', '.join(hop.out)}"
    instruments = hop.after.instrument_episode
    if instruments is not None and instruments.reason is not None:
        yield f"an alarm about an instrument is open: {instruments.reason}"


def _missing_for_alarm(judgement: Judgement, hop: ScoredWindow, rule: AlarmRule) -> str:
    if judgement.witness is not Witness.SCORE:
        return _missing_for_witness(judgement)
    baseline = hop.before.baseline
    alarm = baseline.center + judgement.threshold * baseline.spread
    raw = hop.scored.score if hop.scored else float("nan")
    frequency = f"normal data reach such a score {rate_text(judgement.expected_per_week)}"
    if judgement.value < rule.calibration.u:
        frequency = "an ordinary score, which more than a twentieth of normal data reach"
    return (
        f"the score is {judgement.value:.4g}: {frequency}; the threshold is {judgement.threshold:.4g}, and "
        f"the raw score of {raw:.4g} would have to reach {alarm:.4g}"
    )


def _missing_for_witness(judgement: Judgement) -> str:
    often = rate_text(judgement.expected_per_week)
    return (
        f"the witness with the rarest value is {witness_text(judgement.witness, judgement.scale_s)}: its "
        f"value is {judgement.value:.4g}, which normal data reach {often}; its threshold is "
        f"{judgement.threshold:.4g}"
    )


def _gap_reasons(connection: Connection, stored: StoredHop, *, no_window: bool) -> Iterator[str]:
    """Why no window ends at the hop, or only a window without readings."""
    definition, shape = stored.stream.definition, stored.champion.detector.shape
    last_us, next_us = readings.nearest(connection, stored.stream.id, stored.asset, stored.until_us)
    if last_us is None:
        yield f"no reading of {stored.asset} before {iso(stored.until_us)} is stored"
    elif last_us < stored.until_us - stored.hop_us:
        yield _gap(stored.asset, last_us, next_us, silence_limit_us(definition, shape))
    elif no_window:
        yield _window_not_full(stored, shape)


def _gap(asset: str, last_us: int, next_us: int | None, limit_us: int) -> str:
    following = "no reading follows" if next_us is None else f"the next reading is from {iso(next_us)}"
    return (
        f"{asset} sent nothing: its last reading before the hop is from {iso(last_us)}, {following}; after "
        f"{duration_text(limit_us / 1e6)} without a reading the asset counts as silent, once another asset "
        f"of its partition has sent a later reading"
    )


def _window_not_full(stored: StoredHop, shape: WindowShape) -> str:
    definition = stored.stream.definition
    length = duration_text(shape.rows * definition.interval_us / 1e6)
    gap_rows = definition.staleness_rows + shape.rows
    return (
        f"the window was not full yet: it needs {shape.rows} consecutive rows ({length}) after the asset's "
        f"first reading or after a gap of more than {gap_rows} rows; or its last rows were not complete yet"
    )


def _open_anomalies(connection: Connection, stored: StoredHop) -> Iterator[str]:
    topic, alarm = stored.stream.definition.topic, stored.alarm
    for row in anomalies.overlapping(connection, topic, stored.asset, stored.last_moment):
        if alarm is None or row.id != alarm.id:
            yield _open_anomaly(row)
    if alarm is not None and alarm.hidden_by:
        yield f"hidden by {alarm.hidden_by}"


def _open_anomaly(row: AnomalyRow) -> str:
    ended = f"to {iso(to_us(row.ended_at))}" if row.ended_at else "still open"
    words = f"an anomaly was open then ({row.kind}, from {iso(to_us(row.started_at))}, {ended}): {row.id}"
    verdict = f", {row.verdict}" if row.verdict else ""
    return words + verdict + (f"; hidden by {row.hidden_by}" if row.hidden_by else "")


def _exclusions(connection: Connection, stored: StoredHop) -> Iterator[str]:
    for row in exclusions.list_all(connection, topic=stored.stream.definition.topic):
        exclusion = row.exclusion
        concerns = exclusion.hide and exclusion.concerns(stored.asset)
        if concerns and exclusion.occurrences(stored.last_moment):
            sensor = f" of {row.sensor_pattern}" if row.sensor_pattern else ""
            reason = row.reason or "no reason given"
            yield f"exclusion {row.id} hides alarms{sensor} at that time: {reason}"
