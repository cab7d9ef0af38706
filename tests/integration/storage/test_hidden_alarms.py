"""Exclusions hide the same alarms in a backtest as in SQL: ``is_hidden`` and the schema's ``hidden_by``."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from tests.integration.support import examples
from tests.integration.support.examples import DAY_US, MINUTE_US, MONDAY_US, TOPIC
from tfstream.app.history.hidden_alarms import is_hidden
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.messages.anomaly_event import EventType, SensorShare, iso
from tfstream.core.spans import Span
from tfstream.model.detector_config import DetectorConfig
from tfstream.storage import anomalies, exclusions
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres

ASSET = "line-1"
HOP_US = DetectorConfig().hop_rows * MINUTE_US
WINDOW_US = DetectorConfig().window_rows * MINUTE_US
CASES = 250


@dataclass(frozen=True, kw_only=True)
class Case:
    """An episode and the exclusions around it; the first exclusion is removed from ``removed_us`` on."""

    episode: Span
    sensors: tuple[SensorShare, ...]
    exclusions: list[Exclusion]
    removed_us: int | None


def random_case(rng: random.Random) -> Case:
    """The episode begins and ends within minutes, or a microsecond, of the limits of an occurrence."""
    chosen = [random_exclusion(rng) for _ in range(rng.randint(1, 3))]
    day_us = rng.choice([0, 0, 0, DAY_US, 3 * DAY_US])
    first, last = chosen[0].first.widened(HOP_US, WINDOW_US), chosen[-1].first.widened(HOP_US, WINDOW_US)
    start_us = first.start_us + day_us + random_offset(rng, sign=1)
    end_us = rng.choice([first, last]).end_us + day_us + random_offset(rng, sign=-1)
    removed_us = chosen[0].first.start_us + rng.randrange(-5, 65) * MINUTE_US
    return Case(
        episode=Span(start_us, max(end_us, start_us)),
        sensors=random_sensors(rng),
        exclusions=chosen,
        removed_us=removed_us if rng.random() < 0.2 else None,
    )


def random_exclusion(rng: random.Random) -> Exclusion:
    start_us = MONDAY_US + rng.randrange(180) * MINUTE_US
    return Exclusion(
        first=Span(start_us, start_us + rng.randint(1, 120) * MINUTE_US),
        asset=rng.choice([None, None, None, "line-?", "line-2"]),
        sensor=rng.choice([None, None, None, "*l*", "press*"]),
        rule=rng.choice([None, "FREQ=DAILY;COUNT=3"]),
        hide=rng.random() < 0.95,
    )


def random_offset(rng: random.Random, *, sign: int) -> int:
    """A distance from a limit, mostly inwards, so that about half of the episodes are hidden."""
    return sign * rng.choice([-MINUTE_US, -1, 0, 1, MINUTE_US, MINUTE_US, 30 * MINUTE_US])


def random_sensors(rng: random.Random) -> tuple[SensorShare, ...]:
    share = rng.choice([1.0, 0.85, 0.8, 0.75, 0.5])
    shares = {"flow": share, "pressure": 1.0 - share}
    return tuple(
        SensorShare(name=name, share=part, actual=1.0, expected=2.0) for name, part in shares.items() if part
    )


def hidden_by_sql(connection: Connection, case: Case) -> bool:
    """Store the exclusions and the closed episode, and read the anomaly."""
    stream_id = examples.add_stream(connection)
    ids = [
        exclusions.add(connection, stream_id, exclusion, reason=None, by="anna", now_us=MONDAY_US)
        for exclusion in case.exclusions
    ]
    if case.removed_us is not None:
        exclusions.remove(connection, ids[0], case.removed_us)
    event = examples.event(
        event=EventType.CLOSED,
        started_at=iso(case.episode.start_us),
        ended_at=iso(case.episode.end_us),
        sensors=case.sensors,
    )
    anomalies.apply(connection, stream_id, [event])
    (row,) = anomalies.find(connection)
    return row.hidden_by is not None


def hidden_in_backtest(connection: Connection, case: Case) -> bool:
    """With the stored exclusions, as a backtest reads them."""
    stored = [row.exclusion for row in exclusions.list_all(connection, topic=TOPIC) if row.hide]
    return is_hidden(ASSET, case.episode, case.sensors, stored, hop_us=HOP_US, window_us=WINDOW_US)


def test_a_backtest_hides_what_sql_hides(database: Database) -> None:
    rng = random.Random(0)
    hidden = []
    with database.begin() as connection:
        for _ in range(CASES):
            case = random_case(rng)
            with connection.begin_nested() as savepoint:
                hidden.append(hidden_by_sql(connection, case))
                assert hidden_in_backtest(connection, case) == hidden[-1], case
                savepoint.rollback()
    assert CASES // 5 < sum(hidden) < CASES * 4 // 5
