"""``tfstream score`` as a separate process, and the progress of its consumer group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

from confluent_kafka import Consumer, ConsumerGroupState, TopicPartition

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import pinned
from tests.studies.benchmark.load_generator import definition
from tfstream.storage import models, streams
from tfstream.storage.database import Database
from tfstream.streaming.connection.client import new_admin

_TICK_S = 0.02


def register(bench: Bench, topic: str) -> None:
    """Add the stream to the database, with the benchmark's model as its champion."""
    database = Database(bench.database_url)
    with database.begin() as connection:
        stream = streams.add(connection, definition(topic))
        version = models.save(
            connection,
            stream.id,
            bench.bundle.read_bytes(),
            metrics={},
            trained_from_us=0,
            trained_until_us=1,
            rows=1,
            seed=0,
        )
        models.promote(connection, stream.id, version)
    database.close()


class ScoreProcess:
    """A running ``tfstream score``; its output goes to a file."""

    def __init__(self, bench: Bench, topic: str, cores: frozenset[int], *arguments: str) -> None:
        self._log: Path = bench.folder / f"{topic}.log"
        environment = {
            **os.environ,
            "TFSTREAM_DATABASE_URL": bench.database_url,
            "TFSTREAM_KAFKA_BOOTSTRAP_SERVERS": bench.bootstrap,
        }
        command = [sys.executable, "-m", "tfstream", "score", "--topic", topic, *arguments]
        with self._log.open("ab") as log, pinned(cores):
            self._process = self._start(command, environment, log)

    @staticmethod
    def _start(command: list[str], environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
        """Wait until the condition is true; ``what`` names it in the error.

        :raises RuntimeError: when the process ends or the time is over before.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            ended = self._process.poll() not in (None, 0)
            if ended or time.monotonic() > deadline:
                output = self._log.read_text(encoding="utf-8", errors="replace")[-800:]
                raise RuntimeError(
                    f"{what} did not happen in {timeout_s:.0f} s; output of tfstream score: {output}"
                )
            time.sleep(_TICK_S)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the process and its workers (SIGSTOP) as long as the block lasts; needs Linux's /proc."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """The CPU seconds used so far, including workers and their threads."""
        ticks = os.sysconf("SC_CLK_TCK")
        return sum(sum(map(int, _stat(pid)[11:13])) for pid in self._pids()) / ticks  # user and system

    def _pids(self) -> list[int]:
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        return [parent, *map(int, children.split())]

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            os.kill(pid, number)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL if the process does not end."""
        self._process.terminate()
        try:
            self._process.wait(30.0)
        except subprocess.TimeoutExpired:
            self.kill()


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` after the command's name."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


@contextmanager
def running_scorer(
    bench: Bench, topic: str, cores: frozenset[int], *arguments: str
) -> Iterator[ScoreProcess]:
    """A scorer that is stopped at the end of the block."""
    process = ScoreProcess(bench, topic, cores, *arguments)
    try:
        yield process
    finally:
        process.stop()


class ScoringGroup:
    """The consumer group of the scorer: committed records and working members."""

    def __init__(self, bench: Bench, topic: str, partitions: int) -> None:
        self._name = f"tfstream.score.{topic}"
        properties = {"bootstrap.servers": bench.bootstrap}
        self._admin = new_admin(properties)
        self._consumer = Consumer({**properties, "group.id": self._name})
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]

    def __enter__(self) -> ScoringGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def committed(self) -> int:
        """The number of committed records, summed over the partitions."""
        committed = self._consumer.committed(self._partitions, timeout=30.0)
        return sum(max(partition.offset, 0) for partition in committed)

    def working_members(self) -> int:
        """The number of members with partitions; 0 during a rebalance."""
        group = self._admin.describe_consumer_groups([self._name], request_timeout=30.0)[self._name].result()
        if group.state is not ConsumerGroupState.STABLE:
            return 0
        return sum(bool(member.assignment.topic_partitions) for member in group.members)
