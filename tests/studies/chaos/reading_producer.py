"""The producer of the source topic: one round of readings after another, normal and faulty."""

from __future__ import annotations

import queue
import random
from dataclasses import dataclass

from confluent_kafka import Producer

from tests.studies.background_thread import BackgroundThread
from tests.studies.chaos.input_faults import INPUT_FAULTS, InputTarget, choose_target
from tests.studies.chaos.reading_rounds import START_S, ReadingRound, normal_round

_FLUSH_S = 60.0
_LARGEST = 1_048_000


@dataclass(slots=True)
class _ActiveFault:
    """An input fault with the rounds that it still changes."""

    kind: str
    target: InputTarget
    rounds_left: int


class ReadingProducer(BackgroundThread):
    """Sends ``rounds_per_s`` rounds a second; :meth:`inject` changes the next rounds."""

    def __init__(self, bootstrap: str, topic: str, seed: int, *, rounds_per_s: float) -> None:
        super().__init__("readings")
        self.sent = 0
        self._topic = topic
        self._seed = seed
        self._rng = random.Random(seed)
        self._every_s = 1.0 / rounds_per_s
        self._second = START_S
        self._injected: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._active: list[_ActiveFault] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.max.bytes": _LARGEST,
                "linger.ms": 20,
                "log_level": 0,
            }
        )

    def inject(self, kind: str) -> None:
        """Apply an input fault from the next round on."""
        self._injected.put(kind)

    def send_rounds(self, count: int) -> None:
        """Send ``count`` rounds at once, without the thread."""
        for _ in range(count):
            self._send(self._next_round())
        assert self._producer.flush(_FLUSH_S) == 0

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self._send(self._next_round())

    def _close(self) -> None:
        assert self._producer.flush(_FLUSH_S) == 0, "the broker did not accept all readings"

    def _next_round(self) -> ReadingRound:
        """The next round, changed by all active faults."""
        while not self._injected.empty():
            kind = self._injected.get()
            self._active.append(_ActiveFault(kind, choose_target(self._rng), INPUT_FAULTS[kind].rounds))
        readings = normal_round(self._seed, self._second)
        for fault in self._active:
            INPUT_FAULTS[fault.kind].apply(readings, fault.target)
            fault.rounds_left -= 1
        self._active = [fault for fault in self._active if fault.rounds_left > 0]
        self._second += 1 + readings.jump
        return readings

    def _send(self, readings: ReadingRound) -> None:
        for partition, key, value, time_ms in readings.messages(self._rng):
            self._producer.produce(self._topic, value, key, partition, timestamp=time_ms)
            self.sent += 1
        self._producer.poll(0)
