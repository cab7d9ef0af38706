"""What people say of anomalies: the newest beside each of them, and everything that was ever said."""

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
    said: Verdict | None,
    *,
    note: str | None,
    from_us: int | None,
    by: str,
) -> None:
    """The same verdict for all of them; None takes back what was said before.

    ``from_us``: since when a new normal is one, where that is not since the anomaly began.
    """
    if not anomalies:
        return
    since = None if from_us is None else to_datetime(from_us)
    log = {"verdict": said, "verdict_from": since, "note": note, "given_by": by}
    connection.execute(insert(verdict), [{"anomaly_id": one, **log} for one in anomalies])
    newest: dict[str, Any] = {"verdict": said, "verdict_from": since, "note": note}
    newest |= {"verdict_at": func.now(), "verdict_by": by}
    connection.execute(update(anomaly).where(anomaly.c.id.in_(anomalies)).values(newest))
