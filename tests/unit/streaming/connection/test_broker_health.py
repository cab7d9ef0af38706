"""A broker with open connections that does not answer counts as unreachable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tfstream.streaming.connection.broker_health import BrokerHealth

HEARD = {"state": "UP", "source": "learned", "waitresp_cnt": 1, "rxidle": 400_000}
SILENT = HEARD | {"rxidle": 5_500_000}
IDLE = SILENT | {"waitresp_cnt": 0}
GONE = HEARD | {"state": "TRY_CONNECT"}
JOINING = SILENT | {"source": "logical"}  # the coordinator answers when all have joined


@pytest.mark.parametrize(
    ("brokers", "connected"),
    [
        ([HEARD], True),
        ([HEARD, GONE], True),
        ([SILENT, HEARD], True),
        ([GONE], False),
        ([], False),
        ([SILENT], False),
        ([SILENT, IDLE], False),
        ([IDLE], True),
        ([IDLE, JOINING], True),
        ([HEARD | {"rxidle": -1}], False),
    ],
)
def test_connected_follows_the_statistics(brokers: list[dict[str, Any]], connected: bool) -> None:
    health = BrokerHealth()
    update = health.settings["stats_cb"]
    update(json.dumps({"brokers": {str(number): broker for number, broker in enumerate(brokers)}}))
    assert health.connected is connected
