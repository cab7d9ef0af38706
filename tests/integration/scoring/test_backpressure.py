"""Slow or full services slow the reading down; no partition is lost and no record is processed twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.conftest import Broker
from tests.integration.support.commands import wait_until
from tests.integration.support.in_process_scorer import score
from tests.integration.support.plants import Plant
from tests.integration.support.topic_reader import read_committed
from tfstream.app.ingest.recorder import Recorder
from tfstream.app.runtime.background import Background, run_beside
from tfstream.model.scoring.detector import Detector
from tfstream.storage import streams
from tfstream.storage.database import Database
from tfstream.streaming.producer.transaction import TransactionalWriter

_FILL_DISK = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER disk_is_full BEFORE INSERT OR UPDATE ON progress EXECUTE FUNCTION disk_is_full();
"""
_FREE_DISK = "DROP FUNCTION disk_is_full() CASCADE"
_SET_READ_ONLY = """
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
END $$;
"""
_SET_WRITABLE = """
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database());
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
END $$;
"""

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


def test_a_slow_detector_keeps_its_partitions(
    plant: Plant, trained_topic: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The backlog takes longer than ``max.poll.interval.ms``; the scorer reads smaller batches."""
    for asset in ("a", "b", "c"):
        plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", asset)
    measure = Detector.measure

    def measure_slowly(self: Detector, values: Any, assets: Any) -> Any:
        time.sleep(0.04 * len(values))
        return measure(self, values, assets)

    monkeypatch.setattr(Detector, "measure", measure_slowly)
    caplog.set_level(logging.INFO, logger="tfstream")
    started = time.monotonic()
    progress = score(plant.tfstream, trained_topic, kafka={"max.poll.interval.ms": "6000"})
    assert time.monotonic() - started > 2 * 6.0, "the detector was too fast for this test"
    assert "lost partitions" not in caplog.text
    assert "a commit failed" not in caplog.text
    assert progress.commits > 10
    windows = [
        (message.key, message.body["ts"])
        for message in read_committed(plant.tfstream.bootstrap, f"{trained_topic}.scores")
    ]
    assert len(windows) == len(set(windows)) == 4 * 80


def test_a_slow_broker_takes_no_more_than_half_of_the_time(
    plant: Plant, trained_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that takes longer than its interval does not follow every batch; it would set the pace."""
    for asset in ("a", "b", "c"):
        plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", asset)
    measure, commit = Detector.measure, TransactionalWriter.commit
    commit_starts: list[float] = []
    commit_ends: list[float] = []

    def measure_slowly(self: Detector, values: Any, assets: Any) -> Any:
        time.sleep(0.005 * len(values))  # a batch of 64 records holds less than a commit interval's work
        return measure(self, values, assets)

    def commit_slowly(*arguments: Any) -> None:
        commit_starts.append(time.monotonic())
        time.sleep(0.6)
        commit(*arguments)
        commit_ends.append(time.monotonic())

    monkeypatch.setattr(Detector, "measure", measure_slowly)
    monkeypatch.setattr(TransactionalWriter, "commit", commit_slowly)
    assert score(plant.tfstream, trained_topic, commit_interval_s=0.05).windows == 4 * 80
    assert len(commit_ends) > 3
    # half of the time, and the first and the last commit in full
    assert sum(commit_ends) - sum(commit_starts) < 0.7 * (commit_ends[-1] - commit_starts[0])


@pytest.mark.parametrize(
    ("break_database", "repair_database", "log_line"),
    [(_FILL_DISK, _FREE_DISK, "No space left on device"), (_SET_READ_ONLY, _SET_WRITABLE, "takes no writes")],
    ids=["disk full", "read only"],
)
def test_the_recorder_waits_for_a_database_that_takes_no_writes(
    kafka: Broker,
    plant: Plant,
    trained_topic: str,
    caplog: pytest.LogCaptureFixture,
    break_database: str,
    repair_database: str,
    log_line: str,
) -> None:
    """A trigger raises the server's error: to fill a disk takes rights that tests do not have."""
    url = plant.tfstream.database_url
    with open_database(url) as database:
        with database.begin() as connection:
            stream = streams.get(connection, trained_topic)
        recorder = Recorder(kafka.properties, database, stream)
        execute(url, break_database)
        try:
            with run_beside(Background("recorder", recorder.run)) as work:
                wait_until(lambda: log_line in caplog.text or work.failed, "the recorder has failed to write")
                assert recorder.processed == 0
                execute(url, repair_database)
                wait_until(lambda: recorder.processed == 700 or work.failed, "the recorder has caught up")
                plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", "later")
                wait_until(
                    lambda: recorder.processed == 1400 or work.failed,
                    "the recorder has stored the next readings",
                )
        finally:
            execute(url, repair_database.replace("FUNCTION disk", "FUNCTION IF EXISTS disk"))
        with database.begin() as connection:
            stored = connection.exec_driver_sql(
                "SELECT count(*) FROM reading WHERE stream_id = %s", (stream.id,)
            ).scalar_one()
    assert stored == 1400


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def execute(url: str, statements: str) -> None:
    """Run SQL, also in a database that is read-only by default."""
    writable = "-c default_transaction_read_only=off"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True, options=writable) as connection:
        connection.execute(statements)
