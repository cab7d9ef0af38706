"""The views of the schema: anomaly_history, alarm_budget, watched_week, asset_health."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from tests.integration.support import examples
from tests.integration.support.queries import utc, view
from tfstream.core.messages.anomaly_event import EventKind, EventType, iso
from tfstream.core.messages.witness import Witness
from tfstream.storage import anomalies, readings, scores
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres

HOURS = tuple(examples.MONDAY_US + hour * examples.HOUR_US for hour in range(24))


def test_anomaly_history(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        ended = iso(HOURS[9])
        spoken = {"witness": Witness.LEVELS, "witnesses": (Witness.SCORE, Witness.LEVELS), "scale_s": 480.0}
        closed = examples.event(
            1, event=EventType.CLOSED, sequence=2, ended_at=ended, score=10.0, reason="4 too high", **spoken
        )
        silence = examples.event(
            2, kind=EventKind.SILENCE, sensors=(), threshold=0.0, started_at=iso(HOURS[10])
        )
        anomalies.apply(connection, stream_id, [closed, silence])
        connection.execute(text("UPDATE anomaly SET verdict = 'expected' WHERE state = 'closed'"))
        first, second = view(connection, "SELECT * FROM anomaly_history ORDER BY started_at")
    assert first == {
        "topic": examples.TOPIC,
        "asset": "line-1",
        "kind": "process",
        "state": "closed",
        "started_at": utc(HOURS[8]),
        "ended_at": utc(HOURS[9]),
        "duration": timedelta(hours=1),
        "score": 10.0,
        "threshold": 4.0,
        "severity": 2.5,
        "top_sensor": "flow",
        "sensors": "flow 70 %, level 30 %",
        "verdict": "expected",
        "model_version": 3,
        "id": uuid.UUID(int=1),
        "verdict_at": None,
        "verdict_by": None,
        "note": None,
        "hidden": False,
        "hidden_by": None,
        "witness": "levels",
        "witnesses": "score, levels",
        "scale": timedelta(minutes=8),
        "reason": "4 too high",
        "expected_per_week": 0.02,
        "standing_since": None,
        "within": None,
    }
    assert second["state"] == "open"
    unknown = ("ended_at", "duration", "severity", "top_sensor", "sensors", "verdict", "witness", "scale")
    assert [second[name] for name in unknown] == [None] * len(unknown)


def test_alarm_budget(database: Database) -> None:
    """Budget 0.5 per week, 2 for line-2; the limits of chance depend on the scored share of the week."""
    next_week = examples.MONDAY_US + 7 * examples.DAY_US
    with database.begin() as connection:
        stream_id = examples.add_stream(connection, alarm_budget_per_week=0.5, asset_budgets={"line-2": 2.0})
        starts = [examples.MONDAY_US, examples.MONDAY_US + examples.DAY_US, next_week - 1, next_week]
        raised = [examples.event(number, started_at=iso(start)) for number, start in enumerate(starts)]
        other = examples.event(10, asset="line-2", kind=EventKind.INSTRUMENT)
        silence = examples.event(11, kind=EventKind.SILENCE)
        anomalies.apply(connection, stream_id, [*raised, other, silence])
        confirm = text("UPDATE anomaly SET verdict = :verdict WHERE id = :id")
        connection.execute(confirm, {"verdict": "confirmed", "id": uuid.UUID(int=0)})
        connection.execute(confirm, {"verdict": "false-alarm", "id": uuid.UUID(int=1)})
        insert_scored_days(connection, stream_id, "line-1", days=7)
        connection.execute(text("SET LOCAL TIME ZONE 'Pacific/Auckland'"))  # weeks begin in UTC
        budgets = connection.execute(
            text(
                "SELECT topic, asset, week, asked, raised_unconfirmed, raised, "
                "round(watched_weeks::numeric, 3), least, most, kept FROM alarm_budget ORDER BY 2, 3"
            )
        ).all()
        weeks = view(connection, "SELECT * FROM alarm_budget_week ORDER BY week")
    assert [tuple(row) for row in budgets] == [
        (examples.TOPIC, "line-1", utc(examples.MONDAY_US), 0.5, 2, 3, 1, 0, 2, True),
        (examples.TOPIC, "line-1", utc(next_week), 0.5, 1, 1, 0, 0, 0, False),
        (examples.TOPIC, "line-2", utc(examples.MONDAY_US), 2.0, 1, 1, 0, 0, 0, False),
    ]
    assert [(week["assets"], week["raised_unconfirmed"], week["most"]) for week in weeks] == [
        (2, 3, 2),
        (1, 1, 0),
    ]


def test_the_alarms_of_a_week_by_the_witness_that_raised_them_first(database: Database) -> None:
    witnesses = [(Witness.SCORE,), (Witness.LEVELS, Witness.SCORE), (Witness.LEVELS,)]
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        events = [
            examples.event(number, witness=own[-1], witnesses=own) for number, own in enumerate(witnesses)
        ]
        silence = examples.event(11, kind=EventKind.SILENCE)
        anomalies.apply(connection, stream_id, [*events, silence])
        (week,) = view(connection, "SELECT * FROM alarm_budget")
    counts = [week[f"raised_by_{witness.value}"] for witness in Witness]
    assert (week["raised"], counts) == (3, [1, 0, 2, 0, 0])


def insert_scored_days(connection: Connection, stream_id: int, asset: str, *, days: int) -> None:
    """Insert 180 scored hops of eight minutes, a whole day, for each of the days."""
    insert = text(
        "INSERT INTO scored_day SELECT :stream, :asset, date '2026-01-05' + n, 180 "
        "FROM generate_series(0, :days - 1) n"
    )
    connection.execute(insert, {"stream": stream_id, "asset": asset, "days": days})


def test_the_watched_time_of_an_asset_remains_when_its_scores_are_deleted(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        scores.write(
            connection,
            stream_id,
            [examples.score(examples.MONDAY_US + 8 * examples.MINUTE_US * n) for n in range(90)],
        )
        watched = "SELECT round((weeks * 7 * 24)::numeric, 6) AS hours FROM watched_week"
        assert [row["hours"] for row in view(connection, watched)] == [12]
        scores.count_days(connection)
        assert [row["hours"] for row in view(connection, watched)] == [12]
        connection.execute(text("DELETE FROM score"))
        scores.count_days(connection)
        assert [row["hours"] for row in view(connection, watched)] == [12]


@pytest.mark.parametrize(
    ("mean", "least", "most"), [(0.0, 0, 0), (0.5, 0, 2), (10.0, 4, 17), (1000.0, 938, 1062)]
)
def test_poisson_quantiles(database: Database, mean: float, least: int, most: int) -> None:
    quantile = text("SELECT poisson_quantile(:mean, 0.025), poisson_quantile(:mean, 0.975)")
    with database.begin() as connection:
        assert tuple(connection.execute(quantile, {"mean": mean}).one()) == (least, most)


def test_asset_health(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        assets = ["line-1", "line-1", "line-2"]
        readings.write(
            connection, stream_id, assets, examples.times(0, 9 * 60, 1), examples.cells(*[[1, 2, 3]] * 3)
        )
        scores.write(connection, stream_id, [examples.score(HOURS[1]), examples.score(HOURS[2])])
        week_ago = examples.event(1, event=EventType.CLOSED, started_at=iso(HOURS[9] - 7 * examples.DAY_US))
        within = examples.event(2, event=EventType.CLOSED, started_at=iso(HOURS[10] - 7 * examples.DAY_US))
        anomalies.apply(connection, stream_id, [week_ago, within, examples.event(3)])
        assets_health = view(connection, "SELECT * FROM asset_health ORDER BY asset")
    assert [tuple(row.values()) for row in assets_health] == [
        (examples.TOPIC, "line-1", utc(HOURS[9]), utc(HOURS[2]), 1, 2),
        (examples.TOPIC, "line-2", utc(examples.MONDAY_US + examples.MINUTE_US), None, 0, 0),
    ]
