"""A one-node Apache Kafka from the jars of a KAFKA_HOME, on Java 17."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tfstream.embedded.process import ServerProcess, free_port, listens
from tfstream.embedded.service import EmbeddedServer
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


def find_kafka_home() -> Path | None:
    """The environment's KAFKA_HOME, when it holds Kafka's jars and Java is installed; else None."""
    home = os.environ.get("KAFKA_HOME")
    if not home or shutil.which("java") is None:
        return None
    return Path(home) if _has_jars(Path(home)) else None


def _has_jars(home: Path) -> bool:
    return any((home / "libs").glob("kafka_2*.jar"))


class ApacheKafka(EmbeddedServer):
    """A broker with its log in ``directory``; it can be killed and started again on the same ports.

    ``server`` adds to the broker's properties or replaces them; ``{port}`` and ``{controller}`` in a value
    stand for the broker's ports. ``client`` holds the properties of a client of such a broker, ``formatting``
    the options of Kafka's StorageTool.
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
        super().__init__(directory)
        self._home = kafka_home
        self._port = free_port()
        self._controller = free_port()
        self._server_properties = dict(server or {})
        self._client_properties = dict(client or {})
        self._formatting = list(formatting)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def properties(self) -> dict[str, str]:
        """The properties that connect a client to this broker."""
        return {"bootstrap.servers": self.bootstrap, **self._client_properties}

    def start(self) -> str:
        """Start the broker, the first time after formatting its log; returns its bootstrap address.

        :raises ConfigurationError: when the KAFKA_HOME holds no jars.
        :raises ServiceUnavailable: when the broker does not answer in time.
        """
        if not _has_jars(self._home):
            raise ConfigurationError(
                f"{self._home} is not a KAFKA_HOME: it has no libs/kafka_2*.jar; see `make kafka`"
            )
        properties = self._write_properties()
        if not (self._directory / "data").exists():
            self._format(properties)
        command = [*self._java("-Xmx512m"), "kafka.Kafka", str(properties)]
        self._server = ServerProcess("Apache Kafka", command, log=self._directory / "kafka.log")
        self._server.start(self._answers, timeout_s=180.0)
        return self.bootstrap

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """End the broker with SIGKILL, as a crash would; :meth:`start` keeps its data and ports."""
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
        # after the defaults: Kafka uses the last line of a property
        text += "".join(
            f"{name}={value.format(**names)}\n" for name, value in self._server_properties.items()
        )
        path.write_text(text, encoding="utf-8")
        return path

    def _format(self, properties: Path) -> None:
        tool = [*self._java(), "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties)]
        tool += self._formatting
        completed = subprocess.run(
            tool, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if completed.returncode != 0:
            detail = (completed.stderr or completed.stdout).strip().splitlines()
            raise ServiceUnavailable(
                f"Apache Kafka cannot format its log in {self._directory}: {' | '.join(detail[-3:])}"
            )

    def _java(self, *options: str) -> list[str]:
        logging = self._home / "config" / "log4j2.properties"
        quiet = [f"-Dlog4j2.configurationFile={logging}"] if logging.exists() else []
        return ["java", *options, *quiet, "-cp", f"{self._home}/libs/*"]
