"""What is slow or full holds up the reading and nothing else: no partition lost, nothing done twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.conftest import Broker
from tests.integration.commands import wait_until
from tests.integration.in_process_scorer import score
from tests.integration.plants import Plant
from tests.integration.topic_reader import read_committed
from tfstream.app.ingest.recorder import Recorder
from tfstream.app.runtime.background import Background, run_beside
from tfstream.model.scoring.detector import Detector
from tfstream.storage import streams
from tfstream.storage.database import Database
from tfstream.streaming.transaction import TransactionalWriter

_FULL = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER disk_is_full BEFORE INSERT OR UPDATE ON progress EXECUTE FUNCTION disk_is_full();
"""
_FREED = "DROP FUNCTION disk_is_full() CASCADE"
_READ_ONLY = """
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
END $$;
"""
_WRITABLE = """
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
    """All that waits would take longer than the group lets a member be silent; the batches grow smaller."""
    for asset in ("a", "b", "c"):
        plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", asset)
    measure = Detector.measure

    def slowly(self: Detector, values: Any, assets: Any) -> Any:
        time.sleep(0.04 * len(values))
        return measure(self, values, assets)

    monkeypatch.setattr(Detector, "measure", slowly)
    caplog.set_level(logging.INFO, logger="tfstream")
    began = time.monotonic()
    progress = score(plant.tfstream, trained_topic, kafka={"max.poll.interval.ms": "6000"})
    assert time.monotonic() - began > 2 * 6.0, "the detector was not slow enough to show anything"
    assert "lost partitions" not in caplog.text
    assert "a commit failed" not in caplog.text
    assert progress.commits > 10
    scored = [
        (one.key, one.body["ts"])
        for one in read_committed(plant.tfstream.bootstrap, f"{trained_topic}.scores")
    ]
    assert len(scored) == len(set(scored)) == 4 * 80


def test_a_slow_broker_takes_no_more_than_half_of_the_time(
    plant: Plant, trained_topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that lasts longer than its interval must not come after every batch: it would set the pace."""
    for asset in ("a", "b", "c"):
        plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", asset)
    measure, commit = Detector.measure, TransactionalWriter.commit
    began: list[float] = []
    ended: list[float] = []

    def measured(self: Detector, values: Any, assets: Any) -> Any:
        time.sleep(0.005 * len(values))  # a batch of 64 records holds less than a commit interval's work
        return measure(self, values, assets)

    def committed(*arguments: Any) -> None:
        began.append(time.monotonic())
        time.sleep(0.6)
        commit(*arguments)
        ended.append(time.monotonic())

    monkeypatch.setattr(Detector, "measure", measured)
    monkeypatch.setattr(TransactionalWriter, "commit", committed)
    assert score(plant.tfstream, trained_topic, commit_interval_s=0.05).windows == 4 * 80
    assert len(ended) > 3
    assert sum(ended) - sum(began) < 0.7 * (ended[-1] - began[0])  # half, and the first and the last one


@pytest.mark.parametrize(
    ("full", "freed", "told"),
    [(_FULL, _FREED, "No space left on device"), (_READ_ONLY, _WRITABLE, "takes no writes")],
    ids=["disk full", "read only"],
)
def test_a_database_that_takes_nothing_is_waited_for(
    kafka: Broker,
    plant: Plant,
    trained_topic: str,
    caplog: pytest.LogCaptureFixture,
    full: str,
    freed: str,
    told: str,
) -> None:
    """As the server says it: a disk cannot be filled for a test without rights that tests do not have."""
    url = plant.tfstream.database_url
    with opened(url) as database:
        with database.begin() as connection:
            stream = streams.get(connection, trained_topic)
        recorder = Recorder(kafka.properties, database, stream)
        execute(url, full)
        try:
            with run_beside(Background("recorder", recorder.run)) as work:
                wait_until(lambda: told in caplog.text or work.failed, "it met the full database")
                assert recorder.recorded == 0
                execute(url, freed)
                wait_until(lambda: recorder.recorded == 700 or work.failed, "it has caught up")
                plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", "later")
                wait_until(lambda: recorder.recorded == 1400 or work.failed, "it goes on")
        finally:
            execute(url, freed.replace("FUNCTION disk", "FUNCTION IF EXISTS disk"))
        with database.begin() as connection:
            stored = connection.exec_driver_sql(
                "SELECT count(*) FROM reading WHERE stream_id = %s", (stream.id,)
            ).scalar_one()
    assert stored == 1400


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def execute(url: str, statements: str) -> None:
    writable = "-c default_transaction_read_only=off"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True, options=writable) as connection:
        connection.execute(statements)
