"""Set up a deployment on the command line: the schema, the partitions, streams and files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tests.integration.support.cli_shell import Shell, table_cells
from tests.integration.support.connections import wait_until_blocked
from tfstream.storage import migrate, partitions, readings, streams
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

AWKWARD = ("T101 [bar]", "P101 [/h]", ":smile: [red]")
TABLES = ("reading", "score")


def test_an_upgrade_sets_up_an_empty_database(empty_database_url: str) -> None:
    shell, head = Shell(empty_database_url), migrate.head()
    assert shell.json("db", "current") == {"current": None, "needed": head}
    refused = shell.run("streams", "list", exit_code=3)
    assert "run `tfstream db upgrade`" in refused.stderr
    first, second = shell.run("db", "upgrade"), shell.run("db", "upgrade")
    assert (first.stdout, first.stderr) == ("", f"schema moved from nothing to {head}\n")
    assert (second.stdout, second.stderr) == ("", f"schema at {head}\n")
    assert table_cells(shell.run("db", "current").stdout) == [["current", "needed"], [head, head]]


def test_concurrent_upgrades_wait_for_each_other(empty_database_url: str) -> None:
    shell = Shell(empty_database_url)
    with closing(Database(empty_database_url)) as database, ThreadPoolExecutor(2) as pool:
        with database.begin() as connection:  # both upgrades wait for this table, and go on together
            connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
            upgrades = [pool.submit(shell.run, "db", "upgrade") for _ in range(2)]
            wait_until_blocked(database, 2)
            connection.rollback()
        assert all("schema" in upgrade.result().stderr for upgrade in upgrades)
        migrate.require_current(database)


def test_partitions_are_created_ahead_and_dropped_by_age(database_url: str) -> None:
    shell = Shell(database_url)
    with closing(Database(database_url)) as database, database.begin() as connection:
        partitions.ensure(connection, "reading", [date(2026, 1, 5)])
    today = datetime.now(UTC).date()
    created = shell.json("db", "partitions", "--ahead", "2")
    assert created[0] == {"table": "reading", "partition": "reading_20260105"}
    days = [f"{today + timedelta(days=day):%Y%m%d}" for day in range(3)]
    assert [row["partition"] for row in created[1:]] == [f"{table}_{day}" for table in TABLES for day in days]
    remaining = shell.run("db", "partitions", "--ahead", "0", "--keep", "30")
    assert "reading: dropped 1 partition older than 30 days" in remaining.stderr
    assert "score: dropped 0 partitions" in remaining.stderr
    assert "20260105" not in remaining.stdout
    assert len(table_cells(remaining.stdout)) == 1 + len(created) - 1


def test_streams_are_defined_changed_and_shown(shell: Shell, shell_database: Database) -> None:
    topic = "awkward.sensors"
    added = shell.run("streams", "add", topic, "--sensors", ",".join(AWKWARD), "--interval", "500ms")
    assert (added.stdout, added.stderr) == ("", f"stream {topic}: 3 sensors every 500ms\n")
    sensors = (*AWKWARD, "new")
    options = (
        "--sensors",
        ", ".join(sensors),
        "--lateness",
        "2s",
        "--alarm-budget",
        "0.5",
        "--min-duration",
        "90s",
    )
    changed = shell.run("streams", "set", topic, *options, "--layout", "long", "--max-staleness", "1m")
    assert "alarm budget, lateness, layout, max staleness, min duration, sensors" in changed.stderr
    with shell_database.begin() as connection:
        stored = streams.get(connection, topic).definition
    assert (stored.sensors, stored.interval_us, stored.lateness_us) == (sensors, 500_000, 2_000_000)
    assert (stored.layout, stored.alarm_budget_per_week, stored.staleness_rows) == ("long", 0.5, 120)
    shown = shell.run("streams", "show", topic)
    assert shown.stderr == ""
    assert "interval      500ms\n" in shown.stdout
    assert "min duration  90s over the threshold\n" in shown.stdout
    assert f"sensors       4: {', '.join(sensors)}\n" in shown.stdout
    assert shell.json("streams", "show", topic) in shell.json("streams", "list")
    listed = {line[0]: line[1:] for line in table_cells(shell.run("streams", "list").stdout)}
    assert listed[topic] == ["4", "500ms", "long", "json", "0.5"]


def test_files_are_loaded(shell: Shell, shell_database: Database, tmp_path: Path) -> None:
    csv, parquet = tmp_path / "line-1.csv", tmp_path / "more.parquet"
    csv.write_text("ts,T101 [bar],flow,label\n2026-01-05T00:00:00Z,1,2,0\n2026-01-05T00:01:00Z,,4,1\n")
    times = pd.date_range("2026-01-05T00:01", periods=2, freq="1min", tz="UTC")
    columns = {"zeit": times, "asset": ["line-1", "line-2"], "T101 [bar]": [3.0, 5.0], "remark": ["x", "y"]}
    pd.DataFrame(columns).to_parquet(parquet)
    first = shell.run("load", csv, "--topic", "files.sensors")
    assert first.stdout == ""
    assert "defined from the file: 2 sensors every 1m" in first.stderr
    assert "2 rows of 1 asset loaded" in first.stderr
    second = shell.json(
        "load", parquet, "--topic", "files.sensors", "--time-column", "zeit", "--ignore", "remark"
    )
    assert second == {"rows": 2, "assets": 2, "created_stream": False}
    with shell_database.begin() as connection:
        stream = streams.get(connection, "files.sensors")
        line_1, line_2 = (
            readings.read(connection, stream.id, asset, None, None, 2) for asset in ("line-1", "line-2")
        )
    assert stream.definition.sensors == ("T101 [bar]", "flow")
    np.testing.assert_array_equal(line_1.values, examples.cells([1, 2], [3, 4]))
    np.testing.assert_array_equal(line_2.values, examples.cells([5, float("nan")]))
    assert line_2.times_us.tolist() == examples.times(2).tolist()
