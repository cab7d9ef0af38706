"""The feeder: produces rounds of readings all the while, whatever happens to the broker."""

from __future__ import annotations

import queue
import random
import threading
from types import TracebackType

from confluent_kafka import Producer

from tests.studies.chaos import rounds
from tests.studies.chaos.rounds import START_S, Round
from tests.studies.chaos.strange import EFFECTS, Scene, scene

_FLUSH_S = 60.0
_LARGEST = 1_048_000


class Feeder:
    """A thread; ``strike`` puts strange input among the next rounds."""

    def __init__(self, bootstrap: str, topic: str, seed: int, *, rounds_per_s: float) -> None:
        self.sent = 0
        self._topic = topic
        self._seed = seed
        self._rng = random.Random(seed)
        self._every_s = 1.0 / rounds_per_s
        self._second = START_S
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._at_work: list[tuple[str, Scene, list[int]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.max.bytes": _LARGEST,
                "linger.ms": 20,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        assert self._producer.flush(_FLUSH_S) == 0, "the broker took not all readings"

    def strike(self, kind: str) -> None:
        self._asked.put(kind)

    def send_rounds(self, count: int) -> None:
        """So many rounds at once, instead of as a thread."""
        for _ in range(count):
            self._send(self._next())
        assert self._producer.flush(_FLUSH_S) == 0

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self._send(self._next())

    def _next(self) -> Round:
        """The next round, after all effects that are at work."""
        while not self._asked.empty():
            kind = self._asked.get()
            self._at_work.append((kind, scene(self._rng), [EFFECTS[kind].rounds]))
        made = rounds.ordinary(self._seed, self._second)
        for kind, struck, left in self._at_work:
            EFFECTS[kind].apply(made, struck)
            left[0] -= 1
        self._at_work = [one for one in self._at_work if one[2][0] > 0]
        self._second += 1 + made.jump
        return made

    def _send(self, made: Round) -> None:
        for partition, key, value, time_ms in made.messages(self._rng):
            self._producer.produce(self._topic, value, key, partition, timestamp=time_ms)
            self.sent += 1
        self._producer.poll(0)
