"""librdkafka's mock cluster: a broker inside this process, for a first look without Java.

It speaks the protocol over TCP and does consumer groups, but it never stores the offsets of a transaction,
does not hold back uncommitted records from a read_committed reader, fences nobody, keeps 5 MiB a partition
and answers no admin call.
"""

from __future__ import annotations

from types import TracebackType

from confluent_kafka import Producer

CANNOT_PROMISE = (
    "it stores no transactional offsets, hides no uncommitted records and fences no second process: "
    "exactly-once delivery holds on Apache Kafka only"
)


class MockKafka:
    """A mock cluster that lives as long as this object."""

    def __init__(self) -> None:
        self._owner: Producer | None = None
        self.bootstrap = ""

    def __enter__(self) -> MockKafka:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def properties(self) -> dict[str, str]:
        """What a client needs; topics are made by being asked for."""
        return {"bootstrap.servers": self.bootstrap, "allow.auto.create.topics": "true"}

    def start(self) -> str:
        """Start it; returns its bootstrap address."""
        self._owner = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
        brokers = self._owner.list_topics(timeout=10.0).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self.bootstrap

    def stop(self) -> None:
        """The cluster goes with the client that owns it."""
        self._owner = None
