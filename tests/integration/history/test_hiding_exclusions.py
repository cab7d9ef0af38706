"""Exclusions hide stored anomalies: to add or remove an exclusion updates the history, and loses nothing."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.integration.support import examples
from tests.integration.support.examples import HOUR_US, MINUTE_US, MONDAY_US, TOPIC
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.pattern import matches
from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.anomaly_event import AnomalyEvent, EventKind, EventType, SensorShare, iso
from tfstream.core.spans import Span
from tfstream.errors import BadData, ConfigurationError
from tfstream.model.detector_config import DetectorConfig
from tfstream.storage import anomalies, exclusions, streams, verdicts
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres

NOW_US = MONDAY_US + 30 * examples.DAY_US
WINDOW_US = DetectorConfig().window_rows * MINUTE_US
HOP_US = DetectorConfig().hop_rows * MINUTE_US
MORNING = Span(MONDAY_US + 8 * HOUR_US, MONDAY_US + 10 * HOUR_US)


def closed(start_us: int, end_us: int, **fields: Any) -> AnomalyEvent:
    times = {"started_at": iso(start_us), "ended_at": iso(end_us)}
    return examples.event(1, event=EventType.CLOSED, **{**times, **fields})


def hide(connection: Connection, span: Span = MORNING, **fields: Any) -> int:
    """Add an exclusion; returns its number."""
    stream_id = streams.get(connection, TOPIC).id
    exclusion = Exclusion(first=span, **fields)
    return exclusions.add(connection, stream_id, exclusion, reason="new filter", by="anna", now_us=NOW_US)


def is_hidden(connection: Connection) -> bool:
    """Whether the only anomaly is hidden; the program and the SQL view must agree."""
    (shown,) = connection.execute(text("SELECT hidden, hidden_by FROM anomaly_history")).all()
    (row,) = anomalies.find(connection)
    assert shown.hidden == (row.hidden_by is not None) == (anomalies.find(connection, hidden=False) == [])
    assert shown.hidden_by == row.hidden_by
    return bool(shown.hidden)


@pytest.mark.parametrize(
    ("event", "hidden"),
    [
        (closed(MORNING.start_us + HOUR_US, MORNING.end_us - HOUR_US // 2), True),
        (closed(MORNING.start_us - HOP_US, MORNING.end_us + WINDOW_US - 1), True),
        (
            closed(MORNING.start_us - HOP_US - 1, MORNING.end_us),
            False,
        ),  # the episode begins before the exclusion
        (closed(MORNING.start_us, MORNING.end_us + WINDOW_US), False),  # the episode ends after the exclusion
        (examples.event(1), False),  # the episode is still open long after the exclusion
    ],
)
def test_an_episode_is_hidden_if_it_lies_within_the_exclusion(
    database: Database, event: AnomalyEvent, hidden: bool
) -> None:
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [event])
        assert not is_hidden(connection)
        hide(connection)
        assert is_hidden(connection) == hidden


def test_an_open_episode_is_hidden_during_the_exclusion(database: Database) -> None:
    with database.begin() as connection:
        now = connection.execute(text("SELECT extract(epoch FROM now())::bigint")).scalar_one() * 10**6
        opened = examples.event(1, started_at=iso(now - HOUR_US))
        anomalies.apply(connection, examples.add_stream(connection), [opened])
        hide(connection, Span(now - 2 * HOUR_US, now + HOUR_US))
        assert is_hidden(connection)


def test_adjacent_exclusions_hide_an_episode_across_both(database: Database) -> None:
    middle = MORNING.start_us + HOUR_US // 2
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*MORNING)])
        hide(connection, Span(MORNING.start_us, middle))
        assert not is_hidden(connection)
        hide(connection, Span(middle, MORNING.end_us))
        assert is_hidden(connection)


@pytest.mark.parametrize(
    ("fields", "hidden"),
    [
        ({"asset": "line-?"}, True),
        ({"asset": "line-2"}, False),
        ({"hide": False}, False),
        ({"sensor": "flow"}, False),  # another sensor has a third of the score
        ({"sensor": "*l*"}, True),
        ({"rule": "FREQ=WEEKLY;BYDAY=MO"}, True),
        ({"rule": "FREQ=WEEKLY;BYDAY=TU"}, False),
    ],
)
def test_an_exclusion_hides_episodes_of_its_assets_sensors_and_days(
    database: Database, fields: dict[str, Any], hidden: bool
) -> None:
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*MORNING)])
        hide(connection, **fields)
        assert is_hidden(connection) == hidden


@pytest.mark.parametrize(
    ("silent", "pattern", "hidden"),
    [
        ((), "*", False),  # the asset is silent: the event names no sensor
        ((), None, True),
        (("flow",), "flow", True),
        (("flow", "level"), "flow", False),
        (("flow", "level"), "*l*", True),
    ],
)
def test_an_exclusion_hides_silences_of_its_sensors(
    database: Database, silent: tuple[str, ...], pattern: str | None, hidden: bool
) -> None:
    sensors = tuple(SensorShare(name=name, share=0.0, actual=None, expected=None) for name in silent)
    silence = closed(*MORNING, kind=EventKind.SILENCE, sensors=sensors)
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [silence])
        hide(connection, sensor=pattern)
        assert is_hidden(connection) == hidden


def test_removing_an_exclusion_shows_the_hidden_anomalies_again(database: Database) -> None:
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*MORNING)])
        daily = hide(connection, rule="FREQ=DAILY")
        exclusions.remove(connection, daily, MORNING.start_us + examples.DAY_US)
        assert is_hidden(connection)  # past occurrences stay
        exclusions.remove(connection, daily, None)
        assert not is_hidden(connection)
        assert exclusions.list_all(connection) == []
        (row,) = exclusions.list_all(connection, removed=True)
        assert (row.id, row.reason, row.created_by) == (daily, "new filter", "anna")
        with pytest.raises(BadData, match="was removed before"):
            exclusions.remove(connection, daily, None)
        with pytest.raises(BadData, match="there is no exclusion 4711"):
            exclusions.remove(connection, 4711, None)


def test_an_exclusion_that_is_ended_early_hides_nothing_later(database: Database) -> None:
    at_ten = examples.MONDAY_US + 10 * examples.HOUR_US
    planned = Span(at_ten - 4 * examples.HOUR_US, at_ten + 14 * examples.HOUR_US)
    after = Span(at_ten + 3 * examples.HOUR_US, at_ten + 4 * examples.HOUR_US)
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*after)])
        number = hide(connection, planned)
        assert is_hidden(connection)
        exclusions.remove(connection, number, at_ten)
        assert not is_hidden(connection)
        exclusions.extend_spans(connection, NOW_US)
        assert not is_hidden(connection)
        (row,) = exclusions.list_all(connection)
        assert row.exclusion.occurrences(planned) == [Span(planned.start_us, at_ten)]


def test_spans_are_stored_in_advance_and_only_once(database: Database) -> None:
    query = text("SELECT count(*), count(DISTINCT starts_at), max(starts_at) FROM exclusion_span")
    with database.begin() as connection:
        examples.add_stream(connection)
        hide(connection, rule="FREQ=DAILY")
        before = connection.execute(query).one()
        assert exclusions.extend_spans(connection, NOW_US) == 0
        assert exclusions.extend_spans(connection, NOW_US + 31 * examples.DAY_US) == 1
        after = connection.execute(query).one()
    assert after[0] == after[1] == before[0] + 31
    assert (after[2] - before[2]).days == 31


def test_an_exclusion_inserted_by_sql_is_extended(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        connection.execute(
            text(
                "INSERT INTO exclusion (stream_id, starts_at, ends_at, rrule, hide, no_learn) "
                "VALUES (:stream, '2026-01-05 08:00Z', '2026-01-05 09:00Z', 'FREQ=WEEKLY', true, true)"
            ),
            {"stream": stream_id},
        )
        assert exclusions.extend_spans(connection, NOW_US) == 1
        assert count_rows(connection, "exclusion_span") > 50


def test_an_invalid_rule_is_named_and_stops_no_other_stream(database: Database) -> None:
    with database.begin() as connection:
        stream_id, other = examples.add_stream(connection), examples.add_stream(connection, "other.sensors")
        number = hide(connection, rule="FREQ=DAILY")
        connection.execute(text("UPDATE exclusion SET rrule = 'FREQ=HOURLY', spans_until = NULL"))
        assert exclusions.extend_spans(connection, NOW_US, other) == 0
        with pytest.raises(ConfigurationError, match=f"exclusion {number} of {TOPIC}: .* remove it"):
            exclusions.extend_spans(connection, NOW_US, stream_id)
        exclusions.remove(connection, number, None)
        assert exclusions.extend_spans(connection, NOW_US) == 0


def test_patterns_match_the_same_names_in_sql(database: Database) -> None:
    names = ("T101 [bar]", "T1_1", "T%", "T", "tank\\1", "line-1\nx", "100%", "")
    patterns = ("*", "T*", "T?01 [bar]", "T_1*", "T%", "?", "", "*\\1", "line*", "*[bar]", "100%", "*%*")
    with database.begin() as connection:
        for pattern, name in itertools.product(patterns, names):
            query = text("SELECT name_matches(:pattern, :name)")
            matched = connection.execute(query, {"pattern": pattern, "name": name}).scalar_one()
            assert matched == matches(pattern, name), (pattern, name)


def test_all_verdicts_are_kept_and_an_event_keeps_the_verdict(database: Database) -> None:
    anomaly_id = uuid.UUID(int=1)
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        anomalies.apply(connection, stream_id, [examples.event(1)])
        verdicts.give(connection, [anomaly_id], Verdict.CONFIRMED, note="bearing", from_us=None, by="anna")
        verdicts.give(connection, [anomaly_id], None, note=None, from_us=None, by="ben")
        verdicts.give(connection, [anomaly_id], Verdict.NEW_NORMAL, note=None, from_us=MONDAY_US, by="cleo")
        anomalies.apply(connection, stream_id, [examples.event(1, sequence=2, score=9.0)])
        (row,) = anomalies.find(connection)
        log = connection.execute(text("SELECT verdict, note, given_by FROM verdict ORDER BY id")).all()
    assert (row.score, row.verdict, row.verdict_by, row.note) == (9.0, "new-normal", "cleo", None)
    assert row.verdict_from is not None
    assert [tuple(verdict) for verdict in log] == [
        ("confirmed", "bearing", "anna"),
        (None, None, "ben"),
        ("new-normal", None, "cleo"),
    ]


def count_rows(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
