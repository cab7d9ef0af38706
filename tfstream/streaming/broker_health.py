"""Whether a client has a broker that answers: librdkafka tells it in its statistics."""

from __future__ import annotations

from typing import Any

import msgspec

_EVERY_MS = 5000
_SILENT_US = 5_000_000  # a fetch is answered within half a second, a heartbeat comes every three


class _Broker(msgspec.Struct):
    """A connection. A logical one is the group's coordinator: it may take minutes to answer who joins."""

    state: str
    source: str = ""
    waitresp_cnt: int = 0  # requests without an answer
    rxidle: int = -1  # microseconds since anything came; negative: nothing has


class _Statistics(msgspec.Struct):
    """What we read of them."""

    brokers: dict[str, _Broker] = {}


_decoder = msgspec.json.Decoder(_Statistics)


class BrokerHealth:
    """Heard every five seconds, from inside the client's polls."""

    def __init__(self) -> None:
        self.connected = True  # whether any broker is there and answers, as last told

    @property
    def settings(self) -> dict[str, Any]:
        """What the client needs to be told."""
        return {"statistics.interval.ms": _EVERY_MS, "stats_cb": self._hear}

    def _hear(self, text: str) -> None:
        up = [broker for broker in _decoder.decode(text).brokers.values() if broker.state == "UP"]
        heard = any(0 <= broker.rxidle <= _SILENT_US for broker in up)
        owed = any(broker.waitresp_cnt > 0 and broker.source != "logical" for broker in up)
        self.connected = bool(up) and (heard or not owed)
