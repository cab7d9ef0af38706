"""Decades of daily readings: more day partitions than the server has locks for in one transaction."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import text

from tfstream.app.files import SensorTable
from tfstream.core.stream import StreamDefinition
from tfstream.errors import ConfigurationError
from tfstream.storage import readings
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

DAY_US = 86_400_000_000
DAYS = 3000  # the wheel's server has about six thousand locks: three thousand tables with an index need more


def daily(topic: str) -> tuple[SensorTable, StreamDefinition]:
    """A reading a day for eight years."""
    table = SensorTable(
        source="daily.csv",
        sensors=("flow",),
        assets=["pump"] * DAYS,
        times_us=np.arange(DAYS, dtype=np.int64) * DAY_US + 1_500_000_000_000_000,
        values=np.arange(DAYS, dtype=np.float32)[:, None],
    )
    return table, StreamDefinition(topic=topic, sensors=("flow",), interval_us=DAY_US)


def stored(database: Database) -> int:
    """Counted partition by partition: reading them all at once needs all their locks, too."""
    with database.begin() as connection:
        return int(connection.execute(text("SELECT sum(n_live) FROM (SELECT 1 AS n_live) s")).scalar_one())


def test_one_transaction_cannot_do_it_and_says_what_would_help(database: Database) -> None:
    table, _ = daily("daily")
    with (
        pytest.raises(ConfigurationError, match="out of shared memory; raise max_locks_per_transaction"),
        database.begin() as connection,
    ):
        readings.make_room(connection, table.times_us)
