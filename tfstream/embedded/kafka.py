"""A one-node Apache Kafka from a KAFKA_HOME (its own jars), on Java 17."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tfstream.embedded.process import ServerProcess, free_port, listens, own_environment
from tfstream.errors import ConfigurationError, ServiceUnavailable

_CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=3
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
delete.topic.enable=true
"""


def available(environment: dict[str, str] | None = None) -> Path | None:
    """The KAFKA_HOME of the environment, when it holds Kafka's jars and there is a Java to run them."""
    home = (environment or dict(os.environ)).get("KAFKA_HOME")
    if not home or shutil.which("java") is None:
        return None
    path = Path(home)
    return path if any((path / "libs").glob("kafka_2*.jar")) else None


class ApacheKafka:
    """A broker with its log in ``directory``; it can be killed and started again on the same ports.

    ``server`` adds to the broker's properties or replaces them, with ``{port}`` and ``{controller}`` for its
    ports; ``client`` is what a client of such a broker needs; ``formatting`` goes to Kafka's StorageTool.
    """

    def __init__(
        self,
        kafka_home: Path,
        directory: Path,
        *,
        server: Mapping[str, str] | None = None,
        client: Mapping[str, str] | None = None,
        formatting: Sequence[str] = (),
    ) -> None:
        self._home = kafka_home
        self._directory = directory
        self._port = free_port()
        self._controller = free_port()
        self._more = dict(server or {})
        self._client = dict(client or {})
        self._formatting = list(formatting)
        self._server: ServerProcess | None = None

    def __enter__(self) -> ApacheKafka:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def properties(self) -> dict[str, str]:
        """What a client needs."""
        return {"bootstrap.servers": self.bootstrap, **self._client}

    def start(self) -> str:
        """Start the broker, formatted the first time; returns its bootstrap address.

        :raises ConfigurationError: when there are no jars.
        :raises ServiceUnavailable: when it does not come up.
        """
        if not any((self._home / "libs").glob("kafka_2*.jar")):
            raise ConfigurationError(
                f"{self._home} is no KAFKA_HOME: it has no libs/kafka_2*.jar; see `make kafka`"
            )
        properties = self._write_properties()
        if not (self._directory / "data").exists():
            self._format(properties)
        command = [*self._java("-Xmx512m"), "kafka.Kafka", str(properties)]
        self._server = ServerProcess("Apache Kafka", command, log=self._directory / "kafka.log")
        self._server.start(self._answers, timeout_s=180.0, environment=own_environment())
        return self.bootstrap

    @property
    def pid(self) -> int:
        """Of the running broker."""
        assert self._server is not None
        return self._server.pid

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """SIGKILL, as a crash would; :meth:`start` brings it back with its data and ports."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def _answers(self) -> bool:
        if not listens(self._port):
            return False
        try:
            admin = AdminClient({**self.properties, "log_level": 0})
            return len(admin.list_topics(timeout=2.0).brokers) > 0
        except KafkaException:
            return False

    def _write_properties(self) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / "server.properties"
        data = self._directory / "data"
        names = {"port": self._port, "controller": self._controller, "data": data}
        text = _PROPERTIES.format(**names)
        # of two lines for one property, the later one counts
        text += "".join(f"{name}={value.format(**names)}\n" for name, value in self._more.items())
        path.write_text(text, encoding="utf-8")
        return path

    def _format(self, properties: Path) -> None:
        tool = [*self._java(), "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties)]
        tool += self._formatting
        done = subprocess.run(tool, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            detail = (done.stderr or done.stdout).strip().splitlines()
            raise ServiceUnavailable(
                f"Apache Kafka cannot set up {self._directory}: {' | '.join(detail[-3:])}"
            )

    def _java(self, *options: str) -> list[str]:
        logging = self._home / "config" / "log4j2.properties"
        quiet = [f"-Dlog4j2.configurationFile={logging}"] if logging.exists() else []
        return ["java", *options, *quiet, "-cp", f"{self._home}/libs/*"]
