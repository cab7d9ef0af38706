"""What exclusions hide: the history is labelled anew when one is added or taken back, and nothing is lost."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.integration import examples
from tests.integration.examples import HOUR_US, MINUTE_US, MONDAY_US, TOPIC
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


def closed(start_us: int, end_us: int, **more: Any) -> AnomalyEvent:
    fields = {"event": EventType.CLOSED, "started_at": iso(start_us), "ended_at": iso(end_us), **more}
    return examples.event(1, **fields)


def hide(connection: Connection, span: Span = MORNING, **more: Any) -> int:
    stream_id = streams.get(connection, TOPIC).id
    given = Exclusion(first=span, **more)
    return exclusions.add(connection, stream_id, given, reason="new filter", by="anna", now_us=NOW_US)


def hidden(connection: Connection) -> bool:
    """Whether the one anomaly is, as the program and as SQL see it."""
    (shown,) = connection.execute(text("SELECT hidden, hidden_by FROM anomaly_history")).all()
    (row,) = anomalies.find(connection)
    assert shown.hidden == (row.hidden_by is not None) == (anomalies.find(connection, hidden=False) == [])
    assert shown.hidden_by == row.hidden_by
    return bool(shown.hidden)


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (closed(MORNING.start_us + HOUR_US, MORNING.end_us - HOUR_US // 2), True),
        (closed(MORNING.start_us - HOP_US, MORNING.end_us + WINDOW_US - 1), True),
        (closed(MORNING.start_us - HOP_US - 1, MORNING.end_us), False),  # it began before
        (closed(MORNING.start_us, MORNING.end_us + WINDOW_US), False),  # it outlasts the work
        (examples.event(1), False),  # nor one that is still open long after
    ],
)
def test_an_episode_is_hidden_when_all_of_it_lies_within(
    database: Database, event: AnomalyEvent, found: bool
) -> None:
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [event])
        assert not hidden(connection)
        hide(connection)
        assert hidden(connection) == found


def test_an_open_episode_is_hidden_while_the_work_goes_on(database: Database) -> None:
    with database.begin() as connection:
        now = connection.execute(text("SELECT extract(epoch FROM now())::bigint")).scalar_one() * 10**6
        began = examples.event(1, started_at=iso(now - HOUR_US))
        anomalies.apply(connection, examples.add_stream(connection), [began])
        hide(connection, Span(now - 2 * HOUR_US, now + HOUR_US))
        assert hidden(connection)


def test_two_exclusions_that_touch_hide_as_one(database: Database) -> None:
    middle = MORNING.start_us + HOUR_US // 2
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*MORNING)])
        hide(connection, Span(MORNING.start_us, middle))
        assert not hidden(connection)
        hide(connection, Span(middle, MORNING.end_us))
        assert hidden(connection)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"asset": "line-?"}, True),
        ({"asset": "line-2"}, False),
        ({"hide": False}, False),
        ({"sensor": "flow"}, False),  # a third of the blame is another's
        ({"sensor": "*l*"}, True),
        ({"rule": "FREQ=WEEKLY;BYDAY=MO"}, True),
        ({"rule": "FREQ=WEEKLY;BYDAY=TU"}, False),
    ],
)
def test_which_episodes_an_exclusion_concerns(database: Database, more: dict[str, Any], found: bool) -> None:
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*MORNING)])
        hide(connection, **more)
        assert hidden(connection) == found


@pytest.mark.parametrize(
    ("silent", "pattern", "found"),
    [
        ((), "*", False),  # the asset itself: no sensor is named
        ((), None, True),
        (("flow",), "flow", True),
        (("flow", "level"), "flow", False),
        (("flow", "level"), "*l*", True),
    ],
)
def test_which_silences_are_hidden(
    database: Database, silent: tuple[str, ...], pattern: str | None, found: bool
) -> None:
    sensors = tuple(SensorShare(name=name, share=0.0, actual=None, expected=None) for name in silent)
    silence = closed(*MORNING, kind=EventKind.SILENCE, sensors=sensors)
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [silence])
        hide(connection, sensor=pattern)
        assert hidden(connection) == found


def test_an_exclusion_that_is_removed_shows_again_what_it_hid(database: Database) -> None:
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*MORNING)])
        daily = hide(connection, rule="FREQ=DAILY")
        exclusions.remove(connection, daily, MORNING.start_us + examples.DAY_US)
        assert hidden(connection)  # what is past stays
        exclusions.remove(connection, daily, None)
        assert not hidden(connection)
        assert exclusions.list_all(connection) == []
        (kept,) = exclusions.list_all(connection, removed=True)
        assert (kept.id, kept.reason, kept.created_by) == (daily, "new filter", "anna")
        with pytest.raises(BadData, match="was removed before"):
            exclusions.remove(connection, daily, None)
        with pytest.raises(BadData, match="there is no exclusion 4711"):
            exclusions.remove(connection, 4711, None)


def test_work_that_ended_early_hides_nothing_after_its_end(database: Database) -> None:
    at_ten = examples.MONDAY_US + 10 * examples.HOUR_US
    work = Span(at_ten - 4 * examples.HOUR_US, at_ten + 14 * examples.HOUR_US)
    after = Span(at_ten + 3 * examples.HOUR_US, at_ten + 4 * examples.HOUR_US)
    with database.begin() as connection:
        anomalies.apply(connection, examples.add_stream(connection), [closed(*after)])
        number = hide(connection, work)
        assert hidden(connection)
        exclusions.remove(connection, number, at_ten)
        assert not hidden(connection)
        exclusions.extend_spans(connection, NOW_US)
        assert not hidden(connection)
        (kept,) = exclusions.list_all(connection)
        assert kept.exclusion.occurrences(work) == [Span(work.start_us, at_ten)]


def test_spans_are_written_ahead_and_only_once(database: Database) -> None:
    counted = text("SELECT count(*), count(DISTINCT starts_at), max(starts_at) FROM exclusion_span")
    with database.begin() as connection:
        examples.add_stream(connection)
        hide(connection, rule="FREQ=DAILY")
        before = connection.execute(counted).one()
        assert exclusions.extend_spans(connection, NOW_US) == 0
        assert exclusions.extend_spans(connection, NOW_US + 31 * examples.DAY_US) == 1
        after = connection.execute(counted).one()
    assert after[0] == after[1] == before[0] + 31
    assert (after[2] - before[2]).days == 31


def test_an_exclusion_written_in_sql_is_extended_as_well(database: Database) -> None:
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
        assert rows_of(connection, "exclusion_span") > 50


def test_a_rule_that_sql_got_wrong_is_named_and_keeps_no_other_stream(database: Database) -> None:
    with database.begin() as connection:
        stream_id, other = examples.add_stream(connection), examples.add_stream(connection, "other.sensors")
        number = hide(connection, rule="FREQ=DAILY")
        connection.execute(text("UPDATE exclusion SET rrule = 'FREQ=HOURLY', spans_until = NULL"))
        assert exclusions.extend_spans(connection, NOW_US, other) == 0
        with pytest.raises(ConfigurationError, match=f"exclusion {number} of {TOPIC}: .* remove it"):
            exclusions.extend_spans(connection, NOW_US, stream_id)
        exclusions.remove(connection, number, None)
        assert exclusions.extend_spans(connection, NOW_US) == 0


def test_patterns_are_the_same_in_sql(database: Database) -> None:
    names = ("T101 [bar]", "T1_1", "T%", "T", "tank\\1", "line-1\nx", "100%", "")
    patterns = ("*", "T*", "T?01 [bar]", "T_1*", "T%", "?", "", "*\\1", "line*", "*[bar]", "100%", "*%*")
    with database.begin() as connection:
        for pattern, name in itertools.product(patterns, names):
            query = text("SELECT name_matches(:pattern, :name)")
            found = connection.execute(query, {"pattern": pattern, "name": name}).scalar_one()
            assert found == matches(pattern, name), (pattern, name)


def test_every_verdict_is_kept_and_an_update_of_the_anomaly_leaves_it(database: Database) -> None:
    one = uuid.UUID(int=1)
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        anomalies.apply(connection, stream_id, [examples.event(1)])
        verdicts.give(connection, [one], Verdict.CONFIRMED, note="bearing", from_us=None, by="anna")
        verdicts.give(connection, [one], None, note=None, from_us=None, by="ben")
        verdicts.give(connection, [one], Verdict.NEW_NORMAL, note=None, from_us=MONDAY_US, by="cleo")
        anomalies.apply(connection, stream_id, [examples.event(1, sequence=2, score=9.0)])
        (row,) = anomalies.find(connection)
        log = connection.execute(text("SELECT verdict, note, given_by FROM verdict ORDER BY id")).all()
    assert (row.score, row.verdict, row.verdict_by, row.note) == (9.0, "new-normal", "cleo", None)
    assert row.verdict_from is not None
    assert [tuple(one) for one in log] == [
        ("confirmed", "bearing", "anna"),
        (None, None, "ben"),
        ("new-normal", None, "cleo"),
    ]


def rows_of(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
