"""Services of the suite's own: a broker and a database to be disturbed, and a pair that is left alone.

The undisturbed pass runs under the same topic name on a second broker and in a second database, so that its
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

from tests.integration.commands import Tfstream
from tests.integration.plants import write_plant
from tests.integration.stream_copy import copy_stream
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres

MODEL = "model"  # the stream that is trained once and copied
DISTURBED, LEFT_ALONE = "disturbed", "left_alone"  # the databases
LATENESS_ROWS = 2  # of one second each
_LEARNT_ROWS = 900
_QUICK_JAVA = {
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"
}  # brokers are started often, and half as costly


class Stage:
    """Two brokers, two databases on one server, a trained stream in both."""

    def __init__(self, kafka_home: Path, folder: Path) -> None:
        self.folder = folder
        self.kafka_version = _version(kafka_home)
        self.broker = ApacheKafka(kafka_home, folder / "kafka")
        self.quiet_broker = ApacheKafka(kafka_home, folder / "quiet-kafka")
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self._open = ExitStack()
        self._quiet_is_up = False

    def __enter__(self) -> Stage:
        self._open.enter_context(patch.dict(os.environ, _QUICK_JAVA))
        self._open.enter_context(self.postgres)
        self._open.enter_context(self.broker)
        self._learn()
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
        """tfstream on the services that are disturbed."""
        return Tfstream(self.url(DISTURBED), self.broker.bootstrap, **_settings())

    @cached_property
    def quiet_commands(self) -> Tfstream:
        """tfstream on the services that are left alone; the broker is started when it is first wanted."""
        return Tfstream(self.url(LEFT_ALONE), self.quiet_bootstrap, **_settings())

    @property
    def quiet_bootstrap(self) -> str:
        if not self._quiet_is_up:
            self._open.enter_context(self.quiet_broker)
            self._quiet_is_up = True
        return self.quiet_broker.bootstrap

    def url(self, database: str) -> str:
        return self.postgres.url.rpartition("/")[0] + f"/{database}"

    def define(self, topic: str) -> None:
        """The same stream and model under a topic's name in both databases."""
        for database in (DISTURBED, LEFT_ALONE):
            copy_stream(self.url(database), MODEL, topic)

    def _learn(self) -> None:
        self._execute(f"CREATE DATABASE {DISTURBED}")
        self.commands.run("db", "upgrade")
        normal = write_plant(self.folder / "normal.csv", rows=_LEARNT_ROWS)
        self.commands.run("load", normal, "--topic", MODEL)
        self.commands.run("streams", "set", MODEL, "--lateness", f"{LATENESS_ROWS}s")
        self.commands.run("train", "--topic", MODEL)
        self._execute(f"CREATE DATABASE {LEFT_ALONE} TEMPLATE {DISTURBED}")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(statement.encode())


def _version(kafka_home: Path) -> str:
    jar = next(iter(sorted((kafka_home / "libs").glob("kafka_2*.jar"))))
    return jar.stem.rpartition("-")[2]


def _settings() -> dict[str, str]:
    """A session's end must come soon, poison must stop nothing; one thread a process, as there are many."""
    return {
        "TFSTREAM_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "TFSTREAM_DEAD_LETTER_RUN": "off",
        "TFSTREAM_DEAD_LETTER_SHARE": "off",
        "OMP_NUM_THREADS": "1",
    }
