"""What becomes of a fitted model: promoted to champion, kept as a candidate, or rejected, and why.

The decision of the gate (:mod:`tfstream.core.learning.promotion_rule`) counts, unless the model is a
duplicate of a rejected model or the champion has changed since the test.
"""

from __future__ import annotations

from typing import NamedTuple

from tfstream.core.learning.promotion_rule import GateDecision
from tfstream.storage import models, training_runs
from tfstream.storage.database import Connection


class RefitOutcome(NamedTuple):
    """The outcome of a refit; ``reason`` is None for a model that was not tested and is no duplicate."""

    outcome: training_runs.Outcome
    reason: str | None


def decide(
    connection: Connection,
    stream_id: int,
    stored: bytes,
    decision: GateDecision | None,
    *,
    tested_against: int | None,
    promote: bool,
) -> RefitOutcome:
    """Decide in the transaction that stores the model, so that the champion cannot change meanwhile.

    :param stored: the bundle of the model.
    :param tested_against: the version of the champion that the gate compared the model with.
    """
    from tfstream.model import bundle  # torch takes two seconds to import: most commands do without

    models.lock(connection, stream_id)
    if duplicate := models.rejected_duplicate(connection, stream_id, bundle.sha256(stored)):
        why = f"the same, byte for byte, as version {duplicate.version}: {duplicate.reason}"
        return RefitOutcome("rejected", why)
    if decision is None:
        return RefitOutcome("promoted" if promote else "candidate", None)
    if not decision.promote:
        return RefitOutcome("rejected", decision.reason)
    champion = models.champion_version(connection, stream_id)
    if champion != tested_against:
        return RefitOutcome("rejected", f"{_champion_changed(tested_against, champion)}; {decision.reason}")
    return RefitOutcome("promoted" if promote else "candidate", decision.reason)


def _champion_changed(tested_against: int | None, champion: int | None) -> str:
    tested = "without a champion" if tested_against is None else f"against version {tested_against}"
    now = "there is no champion now" if champion is None else f"version {champion} is the champion now"
    return f"it was tested {tested}, but {now}; the next refit takes that into account"
