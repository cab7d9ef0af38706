"""Train, refit, list and promote models on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tests.integration.support.cli_shell import Shell, table_cells
from tests.integration.support.small_bundle import small_bundle
from tfstream.core.messages.anomaly_event import iso
from tfstream.storage import models, streams
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

RUNS = text("SELECT * FROM training_run r JOIN stream s ON s.id = r.stream_id WHERE s.topic = :topic")


def test_a_refit_of_all_streams_reports_the_streams_it_could_not_refit(
    shell: Shell, shell_database: Database, tmp_path: Path
) -> None:
    """The refit trains the streams that have readings; the exit code says that others failed."""
    normal, topic = tmp_path / "line-1.csv", "trained.sensors"
    normal_readings(500).to_csv(normal, index=False)
    shell.run("load", normal, "--topic", topic)
    trained = shell.json("train", "--topic", topic, "--seed", "3")
    assert (trained["version"], trained["promoted"], trained["rows"], trained["assets"]) == (1, True, 500, 1)
    with shell_database.begin() as connection:
        for other in ("awkward.sensors", "empty.sensors"):
            examples.add_stream(connection, other)
        others = sorted({stream.definition.topic for stream in streams.list_all(connection)} - {topic})
    refit = shell.run("trainer", "--once", exit_code=1)
    assert f"{topic}: version 2 is the champion after a refit of " in refit.stderr
    assert "empty.sensors was not refitted, and its champion, if it has one, stays" in refit.stderr
    assert f"error: not refitted: {', '.join(others)};" in refit.stderr
    with shell_database.begin() as connection:
        listed = models.list_all(connection, streams.get(connection, topic).id)
        runs = connection.execute(RUNS, {"topic": "empty.sensors"}).all()
    assert [(row.version, row.status, row.seed, row.rows) for row in listed] == [
        (2, "champion", 0, 500),
        (1, "retired", 3, 500),
    ]
    assert [(run.outcome, run.finished_at is not None) for run in runs] == [("failed", True)]
    assert "no readings" in runs[0].reason


def test_models_are_listed_shown_and_promoted(shell: Shell, shell_database: Database) -> None:
    topic = "models.sensors"
    with shell_database.begin() as connection:
        stream_id = examples.add_stream(connection, topic)
        for _ in range(2):
            models.promote(connection, stream_id, examples.save_model(connection, stream_id, small_bundle()))
    promoted = shell.run("models", "promote", "1", "--topic", topic)
    assert (promoted.stdout, promoted.stderr) == ("", f"model version 1 is the champion of {topic}\n")
    listed = shell.json("models", "list", "--topic", topic)
    assert [(model["version"], model["status"]) for model in listed] == [(2, "retired"), (1, "champion")]
    assert listed[0]["trained_from"] == iso(examples.MONDAY_US)
    table = table_cells(shell.run("models", "list", "--topic", topic).stdout)
    assert [line[:2] for line in table[1:]] == [["2", "retired"], ["1", "champion"]]
    shown = shell.json("models", "show", "2", "--topic", topic)
    assert (shown["metrics"], shown["bundle_bytes"]) == ({"loss": 0.5}, len(small_bundle()))
    assert "bundle" not in shown
    assert "loss                  0.5\n" in shell.run("models", "show", "2", "--topic", topic).stdout


def normal_readings(count: int) -> pd.DataFrame:
    """Three sensors that move together, with noise."""
    noise = np.random.default_rng(7).normal(0, 0.05, (count, 3))
    minutes = np.arange(count)
    wave = np.sin(minutes / 10)
    values = np.stack([wave, 2 * wave + 1, np.cos(minutes / 10)], axis=1) + noise
    times = pd.date_range("2026-01-05", periods=count, freq="1min", tz="UTC")
    return pd.DataFrame({"ts": times, **dict(zip(examples.SENSORS, values.T, strict=True))})
