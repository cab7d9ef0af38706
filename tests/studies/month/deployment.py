"""The product on services of its own: recorder and scorer run all month, commands are run as by people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from sqlalchemy import text

from tests.integration.commands import Thorough, wait_until
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

_PATIENCE_S = 300.0
_WRITTEN = "SELECT count(*) FROM reading r JOIN stream s ON s.id = r.stream_id WHERE s.topic = :topic"
_SCORED = """
SELECT max(ts) FROM score c JOIN stream s ON s.id = c.stream_id WHERE s.topic = :topic AND asset = :asset
"""


class MonthDeployment:
    """One plant's tfstream."""

    def __init__(self, definition: StreamDefinition, bootstrap: str, database_url: str, folder: Path) -> None:
        self.definition = definition
        self.tfstream = Thorough(database_url, bootstrap)
        self.database = Database(database_url)
        self._folder = folder
        self._sent = 0
        self._metrics = free_port()

    @property
    def topic(self) -> str:
        return self.definition.topic

    def define(self) -> None:
        """Schema, topic and stream."""
        self.tfstream.run("db", "upgrade")
        ensure_topic({"bootstrap.servers": self.tfstream.bootstrap}, self.topic, 1, {"retention.ms": "-1"})
        with self.database.begin() as connection:
            streams.add(connection, self.definition)

    def json(self, *arguments: str) -> Any:
        """What a command prints for programs."""
        return json.loads(self.tfstream.run(*arguments, "--json").stdout)

    @contextmanager
    def processes(self) -> Iterator[None]:
        """The recorder and the scorer, for as long as the block."""
        port = ("--metrics-port", str(self._metrics))
        with (
            self._logged("record", "--topic", self.topic),
            self._logged("score", "--topic", self.topic, *port),
        ):
            yield

    @contextmanager
    def _logged(self, *arguments: str) -> Iterator[None]:
        """A process whose words go to a file: nobody reads them meanwhile."""
        with (self._folder / f"{arguments[0]}.log").open("w", encoding="utf-8") as log:
            process = self.tfstream.start(*arguments, output=log)
            try:
                yield
            finally:
                process.terminate()
                process.wait(60)

    def send(self, series: list[Series]) -> None:
        """Rows in the order of their time, all assets of a minute one after the other."""
        producer = Producer({"bootstrap.servers": self.tfstream.bootstrap, "linger.ms": 20})
        for row in range(len(series[0].times_us)):
            for one in series:
                reading = Reading(one.asset, int(one.times_us[row]), one.values[row])
                for message in encode(reading, self.definition):
                    producer.produce(
                        self.topic, message, one.asset.encode(), timestamp=reading.time_us // 1000
                    )
                    self._sent += 1
            producer.poll(0)
        producer.flush(60)

    def wait_recorded(self) -> None:
        """Until everything sent is in Postgres."""
        wait_until(lambda: self._count() >= self._sent, "everything was recorded", timeout_s=_PATIENCE_S)

    def wait_scored(self, until_us: int, assets: tuple[str, ...]) -> None:
        """Until every asset's scores reach a moment, less the hop that is still open."""
        hop_us = 8 * self.definition.interval_us
        wanted = to_datetime(until_us - hop_us)

        def reached() -> bool:
            with self.database.begin() as connection:
                found = [
                    connection.execute(text(_SCORED), {"topic": self.topic, "asset": asset}).scalar()
                    for asset in assets
                ]
            return all(moment is not None and moment >= wanted for moment in found)

        wait_until(reached, f"everything before {wanted} was scored", timeout_s=_PATIENCE_S)

    def wait_for_model(self, version: int) -> None:
        """Until the running scorer scores with it."""
        wait_until(lambda: self._model() == version, f"model {version} was taken up", timeout_s=_PATIENCE_S)

    def _model(self) -> int:
        return int(max(scrape(self._metrics, "tfstream_model_version", process="score"), default=0))

    def _count(self) -> int:
        with self.database.begin() as connection:
            return int(connection.execute(text(_WRITTEN), {"topic": self.topic}).scalar_one())


@contextmanager
def services(kafka_home: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """A broker's address and a database's URL, of the run's own."""
    kafka = ApacheKafka(kafka_home, folder / "kafka")
    with EmbeddedPostgres(folder / "postgres") as postgres, kafka:
        yield kafka.bootstrap, postgres.url
