"""People's verdicts on anomalies: the newest in the table ``anomaly``, all of them in ``verdict``."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, func, insert, update

from tfstream.core.learning.verdict import Verdict
from tfstream.storage.datetimes import to_datetime
from tfstream.storage.tables import anomaly, verdict


def give(
    connection: Connection,
    anomalies: Collection[uuid.UUID],
    new: Verdict | None,
    *,
    note: str | None,
    from_us: int | None,
    by: str,
) -> None:
    """Give several anomalies the same verdict; None takes an earlier verdict back.

    ``from_us`` is the time from which a new normal is accepted, None for the anomaly's start.
    """
    if not anomalies:
        return
    since = None if from_us is None else to_datetime(from_us)
    log = {"verdict": new, "verdict_from": since, "note": note, "given_by": by}
    connection.execute(insert(verdict), [{"anomaly_id": anomaly_id, **log} for anomaly_id in anomalies])
    newest: dict[str, Any] = {"verdict": new, "verdict_from": since, "note": note}
    newest |= {"verdict_at": func.now(), "verdict_by": by}
    connection.execute(update(anomaly).where(anomaly.c.id.in_(anomalies)).values(newest))
