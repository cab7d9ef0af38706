"""librdkafka's mock cluster: a broker inside this process, to try tfstream without Java.

It speaks the protocol over TCP and supports consumer groups. It does not store a transaction's offsets, does
not hide uncommitted records from a read_committed reader and does not fence producers. It keeps 5 MiB of each
partition and answers no admin request.
"""

from __future__ import annotations

from confluent_kafka import Producer

from tfstream.embedded.service import EmbeddedService

MISSING_GUARANTEES = (
    "the mock cluster does not store transactional offsets, hide uncommitted records or fence a second "
    "process: exactly-once delivery holds on Apache Kafka only"
)


class MockKafka(EmbeddedService):
    """A mock cluster that lives as long as this object."""

    def __init__(self) -> None:
        self._owner: Producer | None = None
        self.bootstrap = ""

    @property
    def properties(self) -> dict[str, str]:
        """The properties that connect a client; the cluster creates a topic when a client asks for it."""
        return {"bootstrap.servers": self.bootstrap, "allow.auto.create.topics": "true"}

    def start(self) -> str:
        """Start the cluster; returns its bootstrap address."""
        self._owner = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
        brokers = self._owner.list_topics(timeout=10.0).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self.bootstrap

    def stop(self) -> None:
        """End the cluster, together with the client that owns it."""
        self._owner = None
