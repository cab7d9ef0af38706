"""Whether a broker answers this client, from the statistics that librdkafka reports."""

from __future__ import annotations

from typing import Any

import msgspec

_INTERVAL_MS = 5000
_SILENT_US = 5_000_000  # a broker answers a fetch within half a second, and a heartbeat goes out every three


class _Broker(msgspec.Struct):
    """A connection. A logical one is the group's coordinator: it may take minutes to answer a join."""

    state: str
    source: str = ""
    waitresp_cnt: int = 0  # requests without an answer
    rxidle: int = -1  # microseconds since the last byte came; negative: none has come


class _Statistics(msgspec.Struct):
    """The part of librdkafka's statistics that is read here."""

    brokers: dict[str, _Broker] = {}


_decoder = msgspec.json.Decoder(_Statistics)


class BrokerHealth:
    """Updated every five seconds, from inside the client's polls."""

    def __init__(self) -> None:
        self.connected = True  # whether any broker is connected and answers, by the last statistics

    @property
    def settings(self) -> dict[str, Any]:
        """The client settings that make librdkafka report its statistics to this object."""
        return {"statistics.interval.ms": _INTERVAL_MS, "stats_cb": self._update}

    def _update(self, text: str) -> None:
        up = [broker for broker in _decoder.decode(text).brokers.values() if broker.state == "UP"]
        heard = any(0 <= broker.rxidle <= _SILENT_US for broker in up)
        unanswered = any(broker.waitresp_cnt > 0 and broker.source != "logical" for broker in up)
        self.connected = bool(up) and (heard or not unanswered)
