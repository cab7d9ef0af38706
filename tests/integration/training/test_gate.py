"""Refits of a stored stream on the command line: the gate rejects a worse model, the champion stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from tests.integration.support import examples, short_training
from tests.integration.support.commands import Tfstream
from tests.studies.simulated_readings import SECOND_US
from tests.studies.simulated_readings import readings as simulated
from tfstream.app.training import train
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.storage import models, readings, streams
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

TOPIC = "gated.sensors"
SENSORS = ("flow", "level", "power", "pressure")
GOOD_ROWS, BAD_ROWS, NEWEST_ROWS = 2000, 3000, 340
LIMITS = """
SELECT limits->>'sensor', (limits->'limits'->'noise'->>'size')::float
  FROM model m, jsonb_array_elements(m.metrics->'detection_limits'->'sensors') AS limits WHERE m.version = 1
"""
RUNS = "SELECT outcome, reason, model_version, metrics, trained_until FROM training_run ORDER BY id"


@pytest.fixture
def tfstream(database_url: str) -> Tfstream:
    return Tfstream(database_url, "127.0.0.1:9")


def store(database: Database, values: Values, first_row: int) -> None:
    times = examples.MONDAY_US + (first_row + np.arange(len(values), dtype=np.int64)) * SECOND_US
    with database.begin() as connection:
        stream = streams.get(connection, TOPIC)
        readings.write(connection, stream.id, ["line-1"] * len(values), times, values)


def statuses(database: Database) -> dict[int, str]:
    with database.begin() as connection:
        stream = streams.get(connection, TOPIC)
        return {row.version: row.status for row in models.list_all(connection, stream.id)}


def test_a_worse_refit_is_rejected_with_its_reasons(database: Database, tfstream: Tfstream) -> None:
    plant = simulated(GOOD_ROWS + BAD_ROWS + NEWEST_ROWS, len(SENSORS))
    with database.begin() as connection:
        streams.add(connection, StreamDefinition(topic=TOPIC, sensors=SENSORS, interval_us=SECOND_US))
    store(database, plant[:GOOD_ROWS], 0)
    first = json.loads(tfstream.run("train", "--topic", TOPIC, "--json").stdout)
    assert (first["outcome"], first["rows"]) == ("promoted", GOOD_ROWS)
    assert first["metrics"]["config_sha256"] == short_training.CONFIG.sha256
    assert "then refitted on all rows, the held-out rows included" in first["reason"]
    assert "there is no champion to compare it with" in first["reason"]
    shown = json.loads(tfstream.run("models", "show", "1", "--topic", TOPIC, "--json").stdout)
    assert shown["metrics"]["gate"] == first["metrics"]["gate"]

    bad = plant[GOOD_ROWS : GOOD_ROWS + BAD_ROWS]
    noise = np.random.default_rng(0).normal(size=bad.shape)
    store(database, (bad + 2 * bad.std(0) * noise).astype(np.float32), GOOD_ROWS)
    store(database, plant[GOOD_ROWS + BAD_ROWS :], GOOD_ROWS + BAD_ROWS)
    since = ("--since", f"{BAD_ROWS + NEWEST_ROWS}s")  # the span that the noise is in
    second = tfstream.run("train", "--topic", TOPIC, *since)
    assert "model version 2 is rejected" in second.stderr
    promoting = f"`tfstream models promote 2 --topic {TOPIC}`"
    assert f"{promoting} makes this version the champion nevertheless" in second.stderr
    assert "faults found (AUC), all kinds" in second.stdout
    assert "NO" in second.stdout
    assert statuses(database) == {1: "champion", 2: "rejected"}
    with database.begin() as connection:
        model = models.load(connection, streams.get(connection, TOPIC).id, 2)
        good, worse = connection.execute(text(RUNS)).all()
    assert model.reason is not None
    assert "faults found (AUC), all kinds" in model.reason
    assert (good.outcome, good.model_version) == ("promoted", 1)
    assert (worse.outcome, worse.model_version, worse.reason) == ("rejected", 2, model.reason)
    assert worse.metrics["gate"] == model.metrics["gate"]
    assert model.metrics["gate"]["promote"] is False
    shown = tfstream.run("models", "show", "2", "--topic", TOPIC).stdout
    assert "channel swap" in shown
    assert (
        "the gate rejects the model\n- failed: faults found (AUC), all kinds\n- failed: smallest faults"
        in shown
    )

    refit = tfstream.run("trainer", "--once", "--history", since[1])
    assert f"{TOPIC}: version 3 is rejected and does not become the champion: faults found" in refit.stderr
    forced = tfstream.run("train", "--topic", TOPIC, *since, "--no-gate")
    assert "model version 4 is the champion" in forced.stderr
    assert statuses(database) == {1: "retired", 2: "rejected", 3: "rejected", 4: "champion"}


def test_the_smallest_faults_that_a_model_finds_are_stored_and_shown(
    database: Database, tfstream: Tfstream, tmp_path: Path
) -> None:
    with database.begin() as connection:
        streams.add(connection, StreamDefinition(topic=TOPIC, sensors=SENSORS, interval_us=SECOND_US))
    store(database, simulated(GOOD_ROWS, len(SENSORS)), 0)
    trained = tfstream.run("train", "--topic", TOPIC).stdout
    assert "smallest faults of one sensor that raise an alarm within 2.22 min at a budget of 1" in trained
    with database.begin() as connection:
        stored = {row[0]: row[1] for row in connection.execute(text(LIMITS))}
    assert list(stored) == list(SENSORS)
    assert all(size > 0 for size in stored.values())
    page = tmp_path / "limits.html"
    shown = tfstream.run("models", "show", "1", "--topic", TOPIC, "--page", str(page))
    assert f"page written to {page}" in shown.stderr
    assert "predicted by the others" in shown.stdout
    written = page.read_text(encoding="utf-8")
    assert all(f"({size:.3g})" in written and f"({size:.3g})" in shown.stdout for size in stored.values())
    tfstream.run("train", "--topic", TOPIC, "--no-gate")
    refused = tfstream.run("models", "show", "2", "--topic", TOPIC, "--page", str(page), exit_code=5)
    assert "the detection limits of version 2 were not measured" in refused.stderr


def test_a_champion_that_the_gate_did_not_test_is_not_replaced(
    database: Database, tfstream: Tfstream
) -> None:
    """A rollback to an older version happens while the gate compares a refit with the champion."""
    with database.begin() as connection:
        stream = streams.add(
            connection, StreamDefinition(topic=TOPIC, sensors=SENSORS, interval_us=SECOND_US)
        )
    store(database, simulated(GOOD_ROWS, len(SENSORS)), 0)
    for seed in ("0", "1"):
        tfstream.run("train", "--topic", TOPIC, "--no-gate", "--seed", seed)

    def roll_back(stage: str, done: float) -> None:
        if (stage, done) == ("gate", 1.0):
            tfstream.run("models", "rollback", "--topic", TOPIC, "--reason", "too loud")

    store(database, simulated(GOOD_ROWS + 300, len(SENSORS))[GOOD_ROWS:], GOOD_ROWS)
    result = train.train(database, stream, TrainingOptions(seed=2, config=short_training.CONFIG), roll_back)
    assert result.reason is not None
    assert result.reason.startswith("it was tested against version 2, but version 1 is the champion now")
    assert statuses(database) == {1: "champion", 2: "rejected", 3: "rejected"}


def test_a_damaged_champion_is_replaced(database: Database, tfstream: Tfstream) -> None:
    with database.begin() as connection:
        streams.add(connection, StreamDefinition(topic=TOPIC, sensors=SENSORS, interval_us=SECOND_US))
    store(database, simulated(1200, len(SENSORS)), 0)
    tfstream.run("train", "--topic", TOPIC)
    with database.begin() as connection:
        connection.execute(text("UPDATE model SET bundle = 'dust'"))
    trained = json.loads(tfstream.run("train", "--topic", TOPIC, "--json").stdout)
    assert trained["outcome"] == "promoted"
    assert "version 1, cannot be compared: model version 1 is damaged" in trained["reason"]


def test_a_champion_that_cannot_be_compared_is_named(database: Database, tfstream: Tfstream) -> None:
    with database.begin() as connection:
        stream = streams.add(
            connection, StreamDefinition(topic=TOPIC, sensors=SENSORS, interval_us=SECOND_US)
        )
        models.promote(connection, stream.id, examples.save_model(connection, stream.id, b"of another time"))
    store(database, simulated(1200, len(SENSORS)), 0)
    trained = json.loads(tfstream.run("train", "--topic", TOPIC, "--json").stdout)
    assert trained["outcome"] == "promoted"
    assert "the champion, version 1, cannot be compared: the model bundle is damaged" in trained["reason"]
    assert statuses(database) == {1: "retired", 2: "champion"}


def test_the_gate_tests_a_model_that_is_not_promoted(database: Database, tfstream: Tfstream) -> None:
    with database.begin() as connection:
        streams.add(connection, StreamDefinition(topic=TOPIC, sensors=SENSORS, interval_us=SECOND_US))
    store(database, simulated(1200, len(SENSORS)), 0)
    trained = json.loads(tfstream.run("train", "--topic", TOPIC, "--no-promote", "--json").stdout)
    assert (trained["outcome"], trained["promoted"]) == ("candidate", False)
    assert trained["metrics"]["gate"]["promote"] is True
    assert statuses(database) == {1: "candidate"}
