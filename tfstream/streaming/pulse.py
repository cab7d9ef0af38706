"""Whether a client has a broker: librdkafka tells it in its statistics."""

from __future__ import annotations

from typing import Any

import msgspec

_EVERY_MS = 5000


class _Broker(msgspec.Struct):
    state: str


class _Statistics(msgspec.Struct):
    """What we read of them."""

    brokers: dict[str, _Broker] = {}


_decoder = msgspec.json.Decoder(_Statistics)


class Pulse:
    """Heard every five seconds, from inside the client's polls."""

    def __init__(self) -> None:
        self.connected = True  # whether any broker is, as last told

    @property
    def settings(self) -> dict[str, Any]:
        """What the client needs to be told."""
        return {"statistics.interval.ms": _EVERY_MS, "stats_cb": self._hear}

    def _hear(self, text: str) -> None:
        self.connected = any(broker.state == "UP" for broker in _decoder.decode(text).brokers.values())
