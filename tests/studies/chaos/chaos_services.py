"""The services of a chaos run, and the stream on them: one model, learnt once and copied for every topic.

The undisturbed pass uses the same topic name on a second broker and in a second database, so that its
records can be compared byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from unittest.mock import patch

import psycopg

from tests.integration.support.commands import Tfstream
from tests.integration.support.plants import write_plant
from tests.integration.support.stream_copy import copy_stream
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres

MODEL = "model"  # the stream that is trained once and copied
DISTURBED_DATABASE, UNDISTURBED_DATABASE = "disturbed", "undisturbed"
LATENESS_ROWS = 2  # rows of one second
_LEARNT_ROWS = 900
_QUICK_JAVA = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}  # brokers start often; this halves the cost


class ChaosServices:
    """Two brokers, two databases on one server, and a trained stream in both databases."""

    def __init__(self, kafka_home: Path, folder: Path) -> None:
        self.folder = folder
        self.kafka_version = _version(kafka_home)
        self.broker = ApacheKafka(kafka_home, folder / "kafka")
        self.undisturbed_broker = ApacheKafka(kafka_home, folder / "undisturbed-kafka")
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self._open = ExitStack()
        self._undisturbed_broker_runs = False

    def __enter__(self) -> ChaosServices:
        self._open.enter_context(patch.dict(os.environ, _QUICK_JAVA))
        self._open.enter_context(self.postgres)
        self._open.enter_context(self.broker)
        self._train()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def environment(self) -> Mapping[str, str]:
        return self.commands.environment

    @cached_property
    def commands(self) -> Tfstream:
        """tfstream on the disturbed services."""
        return Tfstream(self.url(DISTURBED_DATABASE), self.broker.bootstrap, **_settings())

    @cached_property
    def undisturbed_commands(self) -> Tfstream:
        """tfstream on the undisturbed services."""
        return Tfstream(self.url(UNDISTURBED_DATABASE), self.undisturbed_bootstrap, **_settings())

    @property
    def undisturbed_bootstrap(self) -> str:
        """The address of the second broker, which is started on first use."""
        if not self._undisturbed_broker_runs:
            self._open.enter_context(self.undisturbed_broker)
            self._undisturbed_broker_runs = True
        return self.undisturbed_broker.bootstrap

    def url(self, database: str) -> str:
        return self.postgres.url.rpartition("/")[0] + f"/{database}"

    def define_stream(self, topic: str) -> None:
        """Copy the trained stream under a topic's name into both databases."""
        for database in (DISTURBED_DATABASE, UNDISTURBED_DATABASE):
            copy_stream(self.url(database), MODEL, topic)

    def _train(self) -> None:
        self._execute(f"CREATE DATABASE {DISTURBED_DATABASE}")
        self.commands.run("db", "upgrade")
        normal = write_plant(self.folder / "normal.csv", rows=_LEARNT_ROWS)
        self.commands.run("load", normal, "--topic", MODEL)
        self.commands.run("streams", "set", MODEL, "--lateness", f"{LATENESS_ROWS}s")
        self.commands.run("train", "--topic", MODEL)
        self._execute(f"CREATE DATABASE {UNDISTURBED_DATABASE} TEMPLATE {DISTURBED_DATABASE}")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(statement.encode())


def _version(kafka_home: Path) -> str:
    jar = next(iter(sorted((kafka_home / "libs").glob("kafka_2*.jar"))))
    return jar.stem.rpartition("-")[2]


def _settings() -> dict[str, str]:
    """Short sessions, no limit on dead letters, and one thread for each of the many processes."""
    return {
        "TFSTREAM_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "TFSTREAM_DEAD_LETTER_RUN": "off",
        "TFSTREAM_DEAD_LETTER_SHARE": "off",
        "OMP_NUM_THREADS": "1",
    }
