"""Refits in PostgreSQL: what a run records of its end."""

from __future__ import annotations

import pytest

from tfstream.storage import training_runs
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres


def test_a_refit_that_has_ended_keeps_its_outcome(database: Database, stream_id: int) -> None:
    """A signal after the outcome was stored must not turn the refit into a failure."""
    with database.begin() as connection:
        run = training_runs.start(connection, stream_id, trained_from_us=None, trained_until_us=None)
        training_runs.finish(connection, run, outcome="promoted", reason=None)
        training_runs.finish(connection, run, outcome="interrupted", reason="SIGTERM")
        [row] = training_runs.list_all(connection, stream_id=stream_id, limit=10)
    assert (row.outcome, row.reason) == ("promoted", None)
