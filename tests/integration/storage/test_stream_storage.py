"""Stream definitions in PostgreSQL: added once, changed, and listed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.support import examples
from tests.integration.support.connections import wait_until_blocked
from tfstream.core.stream import Encoding, Layout, TimeUnit
from tfstream.errors import ConfigurationError
from tfstream.storage import streams
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres


def test_a_stream_is_added_once_read_and_updated(database: Database) -> None:
    first = examples.definition(
        "wasser-ä",
        ["T101 [°C]", "P101 [m3/h]"],
        layout=Layout.LONG,
        encoding=Encoding.MSGPACK,
        time_field="zeit",
        time_unit=TimeUnit.RECORD,
        lateness_us=5,
        alarm_budget_per_week=0.25,
    )
    with database.begin() as connection:
        assert streams.find(connection, first.topic) is None
        added = streams.add(connection, first)
        assert streams.get(connection, first.topic) == streams.find(connection, first.topic) == added
        assert added.definition == first
        with pytest.raises(ConfigurationError, match="stream wasser-ä is defined already"):
            streams.add(connection, examples.definition(first.topic))
        changed = first.with_sensors((*first.sensors, "new"))
        streams.update(connection, changed)
        assert streams.get(connection, first.topic) == (added.id, changed)
        examples.add_stream(connection, "a.sensors")
        assert [stream.definition.topic for stream in streams.list_all(connection)] == [
            "a.sensors",
            "wasser-ä",
        ]
        with pytest.raises(ConfigurationError, match="stream x is not defined; run `tfstream streams add x`"):
            streams.get(connection, "x")
        with pytest.raises(ConfigurationError, match="stream x is not defined"):
            streams.update(connection, examples.definition("x"))


def test_the_second_of_two_concurrent_definitions_is_refused(database: Database) -> None:
    def add() -> int:
        with database.begin() as connection:
            return examples.add_stream(connection)

    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            examples.add_stream(connection)
            second = pool.submit(add)
            wait_until_blocked(database)
        with pytest.raises(ConfigurationError, match="is defined already"):
            second.result()
