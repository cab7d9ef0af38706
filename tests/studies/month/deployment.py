"""tfstream on its own services: recorder and scorer run all month, and commands run as people run them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from sqlalchemy import text

from tests.integration.support.commands import FullTrainingTfstream, wait_until
from tests.scrape import scrape
from tfstream.core.messages.encode import encode
from tfstream.core.reading import Reading, Series
from tfstream.core.stream import StreamDefinition
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.embedded.process import free_port
from tfstream.storage import streams
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_datetime
from tfstream.streaming.topics import ensure_topic

_TIMEOUT_S = 300.0
_RECORDED_ROWS = "SELECT count(*) FROM reading r JOIN stream s ON s.id = r.stream_id WHERE s.topic = :topic"
_NEWEST_SCORE = """
SELECT max(ts) FROM score c JOIN stream s ON s.id = c.stream_id WHERE s.topic = :topic AND asset = :asset
"""


class MonthDeployment:
    """The tfstream of the simulated plant."""

    def __init__(self, definition: StreamDefinition, bootstrap: str, database_url: str, folder: Path) -> None:
        self.definition = definition
        self.tfstream = FullTrainingTfstream(database_url, bootstrap)
        self.database = Database(database_url)
        self._folder = folder
        self._sent = 0
        self._metrics = free_port()

    @property
    def topic(self) -> str:
        return self.definition.topic

    def create(self) -> None:
        """Create schema, topic and stream."""
        self.tfstream.run("db", "upgrade")
        ensure_topic({"bootstrap.servers": self.tfstream.bootstrap}, self.topic, 1, {"retention.ms": "-1"})
        with self.database.begin() as connection:
            streams.add(connection, self.definition)

    def json(self, *arguments: str) -> Any:
        """Run a command with ``--json`` and return its output."""
        return json.loads(self.tfstream.run(*arguments, "--json").stdout)

    @contextmanager
    def processes(self) -> Iterator[None]:
        """Run the recorder and the scorer as long as the block lasts."""
        port = ("--metrics-port", str(self._metrics))
        with (
            self._running("record", "--topic", self.topic),
            self._running("score", "--topic", self.topic, *port),
        ):
            yield

    @contextmanager
    def _running(self, *arguments: str) -> Iterator[None]:
        """A process whose output goes to a file."""
        with (self._folder / f"{arguments[0]}.log").open("w", encoding="utf-8") as log:
            process = self.tfstream.start(*arguments, output=log)
            try:
                yield
            finally:
                process.terminate()
                process.wait(60)

    def send(self, series: list[Series]) -> None:
        """Send the rows in the order of their time, all assets of a row one after the other."""
        producer = Producer({"bootstrap.servers": self.tfstream.bootstrap, "linger.ms": 20})
        for row in range(len(series[0].times_us)):
            for asset, times_us, values in series:
                reading = Reading(asset, int(times_us[row]), values[row])
                for message in encode(reading, self.definition):
                    producer.produce(self.topic, message, asset.encode(), timestamp=reading.time_us // 1000)
                    self._sent += 1
            producer.poll(0)
        producer.flush(60)

    def wait_recorded(self) -> None:
        """Wait until all readings sent are in PostgreSQL."""
        wait_until(
            lambda: self._recorded_rows() >= self._sent, "everything was recorded", timeout_s=_TIMEOUT_S
        )

    def wait_scored(self, until_us: int, assets: tuple[str, ...]) -> None:
        """Wait until the scores of every asset reach a time, except for the incomplete hop before it."""
        hop_us = 8 * self.definition.interval_us
        wanted = to_datetime(until_us - hop_us)

        def reached() -> bool:
            with self.database.begin() as connection:
                newest = [
                    connection.execute(text(_NEWEST_SCORE), {"topic": self.topic, "asset": asset}).scalar()
                    for asset in assets
                ]
            return all(moment is not None and moment >= wanted for moment in newest)

        wait_until(reached, f"everything before {wanted} was scored", timeout_s=_TIMEOUT_S)

    def wait_for_model(self, version: int) -> None:
        """Wait until the running scorer uses this model version."""
        wait_until(
            lambda: self._model_version() == version, f"model {version} was taken up", timeout_s=_TIMEOUT_S
        )

    def _model_version(self) -> int:
        return int(max(scrape(self._metrics, "tfstream_model_version", process="score"), default=0))

    def _recorded_rows(self) -> int:
        with self.database.begin() as connection:
            return int(connection.execute(text(_RECORDED_ROWS), {"topic": self.topic}).scalar_one())


@contextmanager
def services(kafka_home: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Start a broker and a database for this run; yields the broker's address and the database's URL."""
    kafka = ApacheKafka(kafka_home, folder / "kafka")
    with EmbeddedPostgres(folder / "postgres") as postgres, kafka:
        yield kafka.bootstrap, postgres.url
