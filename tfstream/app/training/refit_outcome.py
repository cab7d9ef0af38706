"""What becomes of a fitted model: put in charge, kept as a candidate, or rejected, and why."""

from __future__ import annotations

from typing import NamedTuple

from tfstream.core.learning.promotion_rule import GateDecision
from tfstream.storage import models, training_runs
from tfstream.storage.database import Connection


class RefitOutcome(NamedTuple):
    """The outcome of a refit; ``reason`` is None where nobody has judged it."""

    outcome: training_runs.Outcome
    reason: str | None


def decide(
    connection: Connection,
    stream_id: int,
    stored: bytes,
    verdict: GateDecision | None,
    *,
    beside: int | None,
    promote: bool,
) -> RefitOutcome:
    """In the transaction that stores the model: nobody else changes the champion meanwhile.

    :param beside: the version of the champion that it was judged beside.
    """
    from tfstream.model import bundle  # torch takes two seconds to import: most commands do without

    models.lock(connection, stream_id)
    if twin := models.rejected_duplicate(connection, stream_id, bundle.sha256(stored)):
        return RefitOutcome("rejected", f"the same, byte for byte, as version {twin.version}: {twin.reason}")
    if verdict is None:
        return RefitOutcome("promoted" if promote else "candidate", None)
    if not verdict.promote:
        return RefitOutcome("rejected", verdict.reason)
    if (present := models.champion_version(connection, stream_id)) != beside:
        return RefitOutcome("rejected", f"{_changed(beside, present)}; {verdict.reason}")
    return RefitOutcome("promoted" if promote else "candidate", verdict.reason)


def _changed(beside: int | None, present: int | None) -> str:
    judged = "without a champion" if beside is None else f"beside version {beside}"
    now = "none is in charge now" if present is None else f"version {present} is in charge since"
    return f"it was judged {judged}, and {now}: the next refit is compared with that"
