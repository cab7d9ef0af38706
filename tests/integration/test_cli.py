"""The command line as users and scripts meet it: what it prints where, how it ends, and no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.conftest import temporary_database
from tests.integration import examples
from tests.integration.commands import Tfstream
from tests.integration.connections import transaction, wait_until_blocked
from tests.integration.small_bundle import small_bundle
from tfstream.core.messages.anomaly_event import EventKind, EventType, iso
from tfstream.embedded.process import free_port
from tfstream.storage import anomalies, migrate, models, partitions, readings, streams
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

AWKWARD = ("T101 [bar]", "P101 [/h]", ":smile: [red]")
Done = CompletedProcess[str]


class Shell(Tfstream):
    """The command line with a database whose password must never be seen, and no Kafka."""

    def __init__(self, database_url: str, **more: str) -> None:
        url = make_url(database_url)
        self.secret = str(url.password or "geheim-4711")
        url = url.set(password=self.secret)
        super().__init__(url.render_as_string(hide_password=False), f"127.0.0.1:{free_port()}", **more)

    def run(self, *arguments: str | Path, exit_code: int = 0) -> Done:
        done = super().run(*arguments, exit_code=exit_code)
        assert self.secret not in done.stdout + done.stderr
        assert ("Traceback" in done.stderr) == ("--debug" in arguments), done.stderr
        return done

    def json(self, *arguments: str | Path) -> Any:
        """What a command prints for programs."""
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def shared_url(postgres_url: str, template: str) -> Iterator[str]:
    """A database that the tests of this module share, each with streams of its own."""
    yield from temporary_database(postgres_url, template)


@pytest.fixture(scope="module")
def shell(shared_url: str) -> Shell:
    return Shell(shared_url)


@pytest.fixture
def database(shared_url: str) -> Iterator[Database]:
    with closing(Database(shared_url)) as opened:
        yield opened


def test_a_new_database_is_set_up(empty_database_url: str) -> None:
    shell, head = Shell(empty_database_url), migrate.head()
    assert shell.json("db", "current") == {"current": None, "needed": head}
    refused = shell.run("streams", "list", exit_code=3)
    assert "run `tfstream db upgrade`" in refused.stderr
    first, second = shell.run("db", "upgrade"), shell.run("db", "upgrade")
    assert (first.stdout, first.stderr) == ("", f"schema moved from nothing to {head}\n")
    assert (second.stdout, second.stderr) == ("", f"schema at {head}\n")
    assert lines(shell.run("db", "current").stdout) == [["current", "needed"], [head, head]]


def test_upgrades_at_the_same_time_wait_for_one_another(empty_database_url: str) -> None:
    shell = Shell(empty_database_url)
    with closing(Database(empty_database_url)) as database, ThreadPoolExecutor(2) as pool:
        with database.begin() as connection:  # what both make first: they go on together
            connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
            upgrades = [pool.submit(shell.run, "db", "upgrade") for _ in range(2)]
            wait_until_blocked(database, 2)
            connection.rollback()
        assert all("schema" in upgrade.result().stderr for upgrade in upgrades)
        migrate.require_current(database)


def test_partitions_are_made_ahead_and_dropped_when_old(database_url: str) -> None:
    shell = Shell(database_url)
    with closing(Database(database_url)) as database, database.begin() as connection:
        partitions.ensure(connection, "reading", [date(2026, 1, 5)])
    before = datetime.now(UTC).date()
    made = shell.json("db", "partitions", "--ahead", "2")
    assert made[0] == {"table": "reading", "partition": "reading_20260105"}
    days = [f"{before + timedelta(days=day):%Y%m%d}" for day in range(3)]
    assert [one["partition"] for one in made[1:]] == [f"{table}_{day}" for table in TABLES for day in days]
    kept = shell.run("db", "partitions", "--ahead", "0", "--keep", "30")
    assert "reading: dropped 1 partitions older than 30 days" in kept.stderr
    assert "score: dropped 0 partitions" in kept.stderr
    assert "20260105" not in kept.stdout
    assert len(lines(kept.stdout)) == 1 + len(made) - 1


def test_streams_are_defined_changed_and_shown(shell: Shell, database: Database) -> None:
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
    assert (
        "alarm_budget_per_week, lateness_us, layout, max_staleness_us, min_duration_us, sensors"
        in changed.stderr
    )
    with database.begin() as connection:
        stored = streams.get(connection, topic).definition
    assert (stored.sensors, stored.interval_us, stored.lateness_us) == (sensors, 500_000, 2_000_000)
    assert (stored.layout, stored.alarm_budget_per_week, stored.staleness_rows) == ("long", 0.5, 120)
    shown = shell.run("streams", "show", topic)
    assert shown.stderr == ""
    assert "interval      500ms\n" in shown.stdout
    assert "min duration  90s over the threshold\n" in shown.stdout
    assert f"sensors       4: {', '.join(sensors)}\n" in shown.stdout
    assert shell.json("streams", "show", topic) in shell.json("streams", "list")
    listed = {line[0]: line[1:] for line in lines(shell.run("streams", "list").stdout)}
    assert listed[topic] == ["4", "500ms", "long", "json", "0.5"]


def test_files_are_loaded(shell: Shell, database: Database, tmp_path: Path) -> None:
    csv, parquet = tmp_path / "line-1.csv", tmp_path / "more.parquet"
    csv.write_text("ts,T101 [bar],flow,label\n2026-01-05T00:00:00Z,1,2,0\n2026-01-05T00:01:00Z,,4,1\n")
    times = pd.date_range("2026-01-05T00:01", periods=2, freq="1min", tz="UTC")
    frame = {"zeit": times, "asset": ["line-1", "line-2"], "T101 [bar]": [3.0, 5.0], "remark": ["x", "y"]}
    pd.DataFrame(frame).to_parquet(parquet)
    first = shell.run("load", csv, "--topic", "files.sensors")
    assert first.stdout == ""
    assert "defined from the file: 2 sensors every 1m" in first.stderr
    assert "2 rows of 1 assets loaded" in first.stderr
    second = shell.json(
        "load", parquet, "--topic", "files.sensors", "--time-column", "zeit", "--ignore", "remark"
    )
    assert second == {"rows": 2, "assets": 2, "created_stream": False}
    with database.begin() as connection:
        stream = streams.get(connection, "files.sensors")
        line_1, line_2 = (
            readings.read(connection, stream.id, asset, None, None, 2) for asset in ("line-1", "line-2")
        )
    assert stream.definition.sensors == ("T101 [bar]", "flow")
    np.testing.assert_array_equal(line_1.values, examples.cells([1, 2], [3, 4]))
    np.testing.assert_array_equal(line_2.values, examples.cells([5, float("nan")]))
    assert line_2.times_us.tolist() == examples.times(2).tolist()


def test_a_model_is_trained_and_refitted(shell: Shell, database: Database, tmp_path: Path) -> None:
    """The nightly refit does what it can, and says by its exit code that it was not everything."""
    normal, topic = tmp_path / "line-1.csv", "trained.sensors"
    normal_readings(500).to_csv(normal, index=False)
    shell.run("load", normal, "--topic", topic)
    trained = shell.json("train", "--topic", topic, "--seed", "3")
    assert (trained["version"], trained["promoted"], trained["rows"], trained["assets"]) == (1, True, 500, 1)
    with database.begin() as connection:
        examples.add_stream(connection, "empty.sensors")
        others = sorted({one.definition.topic for one in streams.list_all(connection)} - {topic})
    refit = shell.run("trainer", "--once", exit_code=1)
    assert f"{topic}: version 2 in charge" in refit.stderr
    assert "empty.sensors was not refitted, its champion stays" in refit.stderr
    assert f"error: not refitted: {', '.join(others)};" in refit.stderr
    with database.begin() as connection:
        listed = models.list_all(connection, streams.get(connection, topic).id)
        runs = connection.execute(RUNS, {"topic": "empty.sensors"}).all()
    assert [(row.version, row.status, row.seed, row.rows) for row in listed] == [
        (2, "champion", 0, 500),
        (1, "retired", 3, 500),
    ]
    assert [(run.outcome, run.finished_at is not None) for run in runs] == [("failed", True)]
    assert "no readings" in runs[0].reason


def test_models_are_listed_shown_and_promoted(shell: Shell, database: Database) -> None:
    topic = "models.sensors"
    with database.begin() as connection:
        stream_id = examples.add_stream(connection, topic)
        for _ in range(2):
            models.promote(connection, stream_id, examples.save_model(connection, stream_id, small_bundle()))
    promoted = shell.run("models", "promote", "1", "--topic", topic)
    assert (promoted.stdout, promoted.stderr) == ("", f"model version 1 is the champion of {topic}\n")
    listed = shell.json("models", "list", "--topic", topic)
    assert [(one["version"], one["status"]) for one in listed] == [(2, "retired"), (1, "champion")]
    assert listed[0]["trained_from"] == iso(examples.MONDAY_US)
    table = lines(shell.run("models", "list", "--topic", topic).stdout)
    assert [line[:2] for line in table[1:]] == [["2", "retired"], ["1", "champion"]]
    shown = shell.json("models", "show", "2", "--topic", topic)
    assert (shown["metrics"], shown["bundle_bytes"]) == ({"loss": 0.5}, len(small_bundle()))
    assert "bundle" not in shown
    assert "loss                  0.5\n" in shell.run("models", "show", "2", "--topic", topic).stdout


def test_anomalies_are_listed_and_shown(shell: Shell, database: Database) -> None:
    topic = "anomalies.sensors"
    with database.begin() as connection:
        stream_id = examples.add_stream(connection, topic)
        old = examples.event(0xAAAA << 112, event=EventType.CLOSED, started_at="2020-01-06T00:00:00Z")
        sensors = (examples.share("T101 [bar]", 0.7), examples.share("P101 [/h]", 0.3))
        here = examples.event(0xBBBB << 112, asset="line-2", kind=EventKind.INSTRUMENT, sensors=sensors)
        anomalies.apply(connection, stream_id, [old, here])
    listed = shell.json("anomalies", "list", "--topic", topic)
    assert [(one["asset"], one["state"]) for one in listed] == [("line-2", "open"), ("line-1", "closed")]
    filters = ("--asset", "line-2", "--kind", "instrument", "--open", "--since", "2026-01-05", "--limit", "1")
    table = shell.run("anomalies", "list", "--topic", topic, *filters)
    assert table.stderr == ""
    header, row = lines(table.stdout)
    cells = dict(zip(header, row, strict=True))
    assert (cells["id"], cells["lasted"]) == ("bbbb0000", "open")
    assert "topic" not in cells  # asked for one: it is the same in every row
    assert "T101 [bar] 70%, P101 [/h] 30%" in table.stdout
    nothing = shell.run("anomalies", "list", "--topic", topic, "--kind", "silence")
    assert (nothing.stdout, nothing.stderr) == ("", "no anomalies\n")
    assert shell.json("anomalies", "show", "bbbb") == listed[0]
    shown = shell.run("anomalies", "show", "bbbb").stdout
    assert f"id                {here.anomaly_id}\n" in shown
    changed = "swings of 2 min to 4 min: 0.75, expected 0.25"
    assert ["T101 [bar]", "0.7", "1.5", "2.5", changed] in lines(shown)


def test_failures_say_what_happened_and_end_with_their_exit_codes(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    with database.begin() as connection:
        examples.add_stream(connection, "known")
        anomalies.apply(
            connection, examples.add_stream(connection, "twins"), [examples.event(1), examples.event(2)]
        )
    bad = written(tmp_path)
    usage = {
        f"load {bad / 'one-row.csv'}": "Missing option '--topic'",
        "models promote first --topic known": "Invalid value",
        "--log-format xml db current": "must be 'text' or 'json'",
        "streams add x --sensors a --interval soon": "'soon' is not a duration",
        "streams add x --sensors a,,b --interval 1s": "a sensor without a name",
    }
    configuration = {
        "streams show unknown": "run `tfstream streams add unknown`",
        "streams add known --sensors a --interval 1s": "defined already",
        "streams set known --sensors flow,level,pressure": "only be added after",
        "trainer --schedule nightly": "'nightly' is no cron expression",
    }
    data = {
        f"load {bad / 'unknown-column.csv'} --topic known": "does not know: temperature",
        f"load {bad / 'no-number.csv'} --topic known": "the columns flow are not numbers",
        f"load {bad / 'empty.csv'} --topic known": "cannot be read",
        f"load {bad / 'missing.csv'} --topic known": "there is no file",
        f"load {bad / 'one-row.csv'} --topic x": "no two readings of an asset",
        "train --topic known": "has no readings",
        "models promote 9 --topic known": "no model version 9",
        "models rollback --topic known": "known has no champion",
        "anomalies show 00": "several anomalies begin with",
    }
    expect(shell, {2: usage, 3: configuration, 5: data})
    with database.begin() as connection:
        assert streams.find(connection, "x") is None


def test_services_that_are_not_there_or_not_configured(shared_url: str, tmp_path: Path) -> None:
    nowhere = make_url(shared_url).set(host="127.0.0.1", port=free_port())
    place = f"127.0.0.1:{nowhere.port}/{nowhere.database}"
    unreachable = Shell(nowhere.render_as_string(hide_password=False))
    expect(unreachable, {4: {"streams list": place, "db upgrade": place}})
    mistyped = Shell(shared_url)
    mistyped.environment["TFSTREAM_DATABASE_URL"] = f"postgresql://tfstream:{mistyped.secret}@db:port/x"
    expect(mistyped, {3: {"db current": "the database URL cannot be read"}})
    unset = Shell(shared_url, TFSTREAM_DATABASE_URL="", TFSTREAM_KAFKA_BOOTSTRAP_SERVERS="")
    database, kafka = "set TFSTREAM_DATABASE_URL", "set TFSTREAM_KAFKA_BOOTSTRAP_SERVERS"
    expect(unset, {3: {"db current": database, "inspect --topic x": kafka}})
    unset.environment["TFSTREAM_CONFIG"] = missing = str(tmp_path / "missing.toml")
    expect(unset, {3: {"db current": f"{missing} (TFSTREAM_CONFIG) does not exist"}})


def test_a_traceback_is_there_for_those_who_ask(shell: Shell) -> None:
    asked = shell.run("--debug", "streams", "show", "unknown", exit_code=1)
    assert "ConfigurationError: stream unknown is not defined" in asked.stderr
    environment = Tfstream(shell.database_url, shell.bootstrap, TFSTREAM_DEBUG="1")
    assert "Traceback" in environment.run("streams", "show", "unknown", exit_code=1).stderr


def test_a_defect_is_told_in_one_line(database_url: str) -> None:
    with transaction(database_url) as connection:
        examples.save_model(connection, examples.add_stream(connection))
        connection.execute(text("UPDATE model SET metrics = '[]'"))
    told = Shell(database_url).run("models", "show", "1", "--topic", examples.TOPIC, exit_code=1)
    assert told.stderr.startswith("error: AttributeError: ")
    assert told.stderr.endswith("this is a defect, --debug shows the traceback\n")


TABLES = ("reading", "score")
RUNS = text("SELECT * FROM training_run r JOIN stream s ON s.id = r.stream_id WHERE s.topic = :topic")


def expect(shell: Shell, failures: dict[int, dict[str, str]]) -> None:
    """Run commands side by side: each ends with its exit code, and its words are on stderr alone."""
    cases = [(code, command, words) for code, those in failures.items() for command, words in those.items()]
    with ThreadPoolExecutor(2) as pool:
        ended = pool.map(lambda case: shell.run(*case[1].split(), exit_code=case[0]), cases)
    for (_, command, words), done in zip(cases, ended, strict=True):
        assert done.stdout == "", command
        assert words in done.stderr, command


def lines(table: str) -> list[list[str]]:
    """The cells of a printed table, which two spaces at least separate."""
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines() if line.strip()]


def written(folder: Path) -> Path:
    """Files that cannot be loaded, named for what is wrong with them."""
    files = {
        "one-row": "ts,level,flow\n2026-01-05T00:00:00Z,1,2\n",
        "unknown-column": "ts,level,temperature\n2026-01-05T00:00:00Z,1,2\n",
        "no-number": "ts,level,flow\n2026-01-05T00:00:00Z,1,broken\n",
        "empty": "",
    }
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return folder


def normal_readings(count: int) -> pd.DataFrame:
    """Three sensors that move together, with noise."""
    noise = np.random.default_rng(7).normal(0, 0.05, (count, 3))
    minutes = np.arange(count)
    wave = np.sin(minutes / 10)
    values = np.stack([wave, 2 * wave + 1, np.cos(minutes / 10)], axis=1) + noise
    times = pd.date_range("2026-01-05", periods=count, freq="1min", tz="UTC")
    return pd.DataFrame({"ts": times, **dict(zip(examples.SENSORS, values.T, strict=True))})
