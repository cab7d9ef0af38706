"""Scores in PostgreSQL: what a second write replaces, and how many one write takes."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tfstream.core.messages.witness import Witness
from tfstream.storage import partitions, scores
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres


def test_a_second_write_replaces_the_scores_of_the_same_window(database: Database, stream_id: int) -> None:
    first = [examples.score(examples.MONDAY_US + hour * examples.HOUR_US, score=hour) for hour in (0, 1, 25)]
    again = examples.score(examples.MONDAY_US, score=9.0, threshold=5.0, model_version=4, masked=("flow",))
    other = examples.score(examples.MONDAY_US, asset="line-2", score=7.0)
    with database.begin() as connection:
        scores.write(connection, stream_id, first)
        scores.write(connection, stream_id, first)
        scores.write(connection, stream_id, [examples.score(examples.MONDAY_US, score=8.0), again, other])
        hours = [examples.MONDAY_US, examples.MONDAY_US + examples.HOUR_US]
        points = scores.read(connection, stream_id, "line-1", hours[0], hours[1])
        assert points == [(hours[0], 9.0, 5.0), (hours[1], 1.0, 4.0)]
        stored = connection.execute(text("SELECT count(*), max(model_version), max(masked) FROM score")).one()
        assert tuple(stored) == (4, 4, ["flow"])
        assert partitions.list_all(connection, "score") == ["score_20260105", "score_20260106"]


def test_a_score_is_stored_with_its_witness(database: Database, stream_id: int) -> None:
    """Scores of older versions do not say how often normal data reach them."""
    hours = [examples.MONDAY_US, examples.MONDAY_US + examples.HOUR_US]
    old = examples.score(hours[0], masked=("flow",))
    new = examples.score(hours[1], witness=Witness.LEVELS, expected_per_week=0.25)
    with database.begin() as connection:
        scores.write(connection, stream_id, [old, new])
        stored = [scores.at(connection, stream_id, "line-1", hour) for hour in hours]
    assert stored == [
        (1.0, 4.0, 3, ("flow",), "score", None),
        (1.0, 4.0, 3, (), "levels", 0.25),
    ]


def test_more_scores_than_fit_one_statement_are_written(database: Database, stream_id: int) -> None:
    times_us = examples.MONDAY_US + np.arange(4500) * 1_000_000
    with database.begin() as connection:
        scores.write(connection, stream_id, [examples.score(int(time_us)) for time_us in times_us])
        points = scores.read(connection, stream_id, "line-1", int(times_us[0]), int(times_us[-1]))
    assert [point.time_us for point in points] == times_us.tolist()
