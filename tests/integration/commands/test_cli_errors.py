"""Errors on the command line: a message on stderr, the exit code of the kind of error, and no secrets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.integration.support import examples
from tests.integration.support.cli_shell import Shell
from tests.integration.support.commands import Tfstream
from tests.integration.support.connections import transaction
from tfstream.embedded.process import free_port
from tfstream.storage import anomalies, streams
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


def test_each_error_has_its_message_and_exit_code(
    shell: Shell, shell_database: Database, tmp_path: Path
) -> None:
    with shell_database.begin() as connection:
        examples.add_stream(connection, "known")
        anomalies.apply(
            connection, examples.add_stream(connection, "twins"), [examples.event(1), examples.event(2)]
        )
    bad = write_bad_files(tmp_path)
    usage = {
        f"load {bad / 'one-row.csv'}": "Missing option '--topic'",
        "models promote first --topic known": "Invalid value",
        "--log-format xml db current": "must be 'text' or 'json'",
        "streams add x --sensors a --interval soon": "--interval: 'soon' is not a duration",
        "streams add x --sensors a,,b --interval 1s": "a sensor without a name",
    }
    configuration = {
        "anomalies list --topic unknown": "stream unknown is not defined",
        "exclusions list --topic unknown": "stream unknown is not defined",
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
    check_failures(shell, {2: usage, 3: configuration, 5: data})
    with shell_database.begin() as connection:
        assert streams.find(connection, "x") is None


def test_missing_services_and_settings_are_named(module_database_url: str, tmp_path: Path) -> None:
    unused_address = make_url(module_database_url).set(host="127.0.0.1", port=free_port())
    address = f"127.0.0.1:{unused_address.port}/{unused_address.database}"
    unreachable = Shell(unused_address.render_as_string(hide_password=False))
    check_failures(unreachable, {4: {"streams list": address, "db upgrade": address}})
    mistyped = Shell(module_database_url)
    mistyped.environment["TFSTREAM_DATABASE_URL"] = f"postgresql://tfstream:{mistyped.secret}@db:port/x"
    check_failures(mistyped, {3: {"db current": "the database URL cannot be read"}})
    unset = Shell(module_database_url, TFSTREAM_DATABASE_URL="", TFSTREAM_KAFKA_BOOTSTRAP_SERVERS="")
    database, kafka = "set TFSTREAM_DATABASE_URL", "set TFSTREAM_KAFKA_BOOTSTRAP_SERVERS"
    check_failures(unset, {3: {"db current": database, "inspect --topic x": kafka}})
    unset.environment["TFSTREAM_CONFIG"] = missing = str(tmp_path / "missing.toml")
    check_failures(unset, {3: {"db current": f"{missing} (TFSTREAM_CONFIG) does not exist"}})


def test_debug_shows_the_traceback(shell: Shell) -> None:
    """The exit code stays that of the error."""
    with_option = shell.run("--debug", "streams", "show", "unknown", exit_code=3)
    assert "ConfigurationError: stream unknown is not defined" in with_option.stderr
    assert with_option.stderr.splitlines()[-1].startswith("error: stream unknown is not defined")
    with_variable = Tfstream(shell.database_url, shell.bootstrap, TFSTREAM_DEBUG="1")
    assert "Traceback" in with_variable.run("streams", "show", "unknown", exit_code=3).stderr


def test_a_defect_is_reported_in_one_line(database_url: str) -> None:
    with transaction(database_url) as connection:
        examples.save_model(connection, examples.add_stream(connection))
        connection.execute(text("UPDATE model SET metrics = '[]'"))
    done = Shell(database_url).run("models", "show", "1", "--topic", examples.TOPIC, exit_code=1)
    assert done.stderr.startswith("error: AttributeError: ")
    assert done.stderr.endswith("this is a defect, --debug shows the traceback\n")


def check_failures(shell: Shell, failures: dict[int, dict[str, str]]) -> None:
    """Run commands in parallel: each ends with its exit code, and its message is on stderr only."""
    cases = [(code, *case) for code, messages in failures.items() for case in messages.items()]
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda case: shell.run(*case[1].split(), exit_code=case[0]), cases)
    for (_, command, message), done in zip(cases, results, strict=True):
        assert done.stdout == "", command
        assert message in done.stderr, command


def write_bad_files(folder: Path) -> Path:
    """Write files that cannot be loaded; the file name states the error. Returns the folder."""
    files = {
        "one-row": "ts,level,flow\n2026-01-05T00:00:00Z,1,2\n",
        "unknown-column": "ts,level,temperature\n2026-01-05T00:00:00Z,1,2\n",
        "no-number": "ts,level,flow\n2026-01-05T00:00:00Z,1,broken\n",
        "empty": "",
    }
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return folder
