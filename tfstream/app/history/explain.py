"""``tfstream anomalies explain``: an alarm, or a moment without an alarm, scored again from stored readings.

The steps, in order: ``stored_hop.py`` loads what is stored of the hop. ``rescore_and_compare.py`` scores the
asset again and compares the scores with the stored scores; the scoring itself is in ``rescoring.py``.
``explained_hop.py`` says what the score consists of, ``reasons.py`` why there was an alarm or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tfstream.app.detection.asset_update import ScoredWindow
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.history.explained_hop import ExplainedHop, explained_judgement
from tfstream.app.history.explanation import Explanation, RescoreSummary
from tfstream.app.history.reasons import reasons
from tfstream.app.history.rescore_and_compare import RescoredHistory, RescoreRequest, rescore_and_compare
from tfstream.app.history.rescoring import Progress
from tfstream.app.history.stored_hop import StoredHop, load_alarm, load_moment
from tfstream.app.runtime.human_units import duration_text
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.spans import Span
from tfstream.errors import BadData
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

_PLOTTED_HOPS = 90


class ExplainedAlarm(NamedTuple):
    """The explanation, and the scores around the hop for a chart."""

    explanation: Explanation
    history: RescoredHistory
    stream: StreamRecord
    champion: Champion


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainOptions:
    """``max_replay_us``: how far before the hop rescoring begins at most."""

    max_replay_us: int
    progress: Progress


def explain_alarm(database: Database, row: AnomalyRow, options: ExplainOptions) -> ExplainedAlarm:
    """The peak of an anomaly, from the same readings, model version and threshold.

    For a silence, which has no score, the first hop in which the asset or its sensors are silent.

    :raises BadData: when the readings or the model are not stored any more.
    :raises ConfigurationError: when the model does not fit the stream any more.
    """
    return _explain(database, load_alarm(database, row), options)


def explain_moment(
    database: Database, stream: StreamRecord, asset: str, at_us: int, options: ExplainOptions
) -> ExplainedAlarm:
    """The hop in which a moment lies, with or without an alarm.

    :raises BadData: when the readings are not stored any more, or the stream has no champion.
    """
    return _explain(database, load_moment(database, stream, asset, at_us), options)


def _explain(database: Database, stored: StoredHop, options: ExplainOptions) -> ExplainedAlarm:
    request = RescoreRequest(
        database=database,
        stream=stored.stream,
        champion=stored.champion,
        asset=stored.asset,
        max_replay_us=options.max_replay_us,
    )
    plotted_us = _PLOTTED_HOPS * stored.hop_us
    plotted = Span(stored.until_us - plotted_us, stored.until_us + plotted_us)
    history, summary = rescore_and_compare(request, stored.until_us, plotted, options.progress)
    hop = history.at(stored.until_us)
    _require_score(stored, hop)
    rule = alarm_rule(stored.stream.definition, stored.champion.detector, stored.asset)
    explained = ExplainedHop(stored, rule, hop)
    with database.begin() as connection:
        findings = reasons(connection, stored, rule, hop)
    caveats = tuple(_caveats(stored, explained, summary))
    explanation = explained.explanation(history, summary, findings + caveats)
    return ExplainedAlarm(explanation, history, stored.stream, stored.champion)


def _require_score(stored: StoredHop, hop: ScoredWindow | None) -> None:
    """:raises BadData: when the hop of an alarm gets no score from the stored readings."""
    alarm = stored.alarm
    if alarm is not None and (hop is None or explained_judgement(stored, hop) is None):
        raise BadData(
            f"the window of {alarm.id} at {iso(stored.until_us)} cannot be built again: some of its readings "
            f"are not stored, or not any more; `tfstream anomalies show {alarm.id}` shows what was recorded"
        )


def _caveats(stored: StoredHop, explained: ExplainedHop, summary: RescoreSummary) -> Iterator[str]:
    """Why the numbers may differ from those of the time."""
    recorded = stored.recorded
    if recorded is not None and explained.score is not None and recorded.score != explained.score:
        yield (
            f"computed again, the score is {explained.score:g} instead of {recorded.score:g}; possible "
            f"causes: readings that came too late to be scored, readings stored later, readings that the "
            f"scorer read and `record` did not store, or an episode that another model opened"
        )
    if summary.lead_missing_s:
        missing = duration_text(summary.lead_missing_s)
        yield (
            f"the witnesses look further back than the stored readings: {missing} are missing before "
            f"{summary.since}; their values at long time scales may differ"
        )
    if not summary.since_takeover:
        yield (
            f"the replay began at {summary.since} with the calibrated level of the asset, because the first "
            f"score of version {summary.model_version} is not stored or lies further back than --replay"
        )
