"""What becomes of a fitted model: put in charge, kept as a candidate, or rejected, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tfstream.core.held_out import HeldOut
from tfstream.core.promotion import Verdict
from tfstream.storage import models, training_runs
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.model.detector import Detector

Report = Callable[[str, float], None]


class Ruling(NamedTuple):
    """The outcome of a refit; ``reason`` is None where nobody has judged it."""

    outcome: training_runs.Outcome
    reason: str | None


def gate_verdict(
    database: Database,
    stream: StreamRecord,
    held: HeldOut | None,
    challenger: Detector,
    seed: int,
    report: Report,
) -> Verdict:
    """What the gate says of the challenger beside the present champion."""
    from tfstream.app import gate

    report("judge", 0.0)
    with database.begin() as connection:
        row = models.champion(connection, stream.id)
    champion = gate.incumbent(row, stream.definition, challenger.config)
    if held is None:
        verdict = gate.unjudged(champion)
    else:
        verdict = gate.judge(stream.definition, held, champion, challenger, seed)
    report("judge", 1.0)
    return verdict


def rule_on(
    database: Database, stream: StreamRecord, stored: bytes, verdict: Verdict | None, *, promote: bool
) -> Ruling:
    """A model that was rolled back before, byte for byte, is rejected again, whatever the gate says."""
    if undone := _undone(database, stream, stored):
        return Ruling("rejected", undone)
    if verdict is not None and not verdict.promote:
        return Ruling("rejected", verdict.reason)
    return Ruling("promoted" if promote else "candidate", verdict.reason if verdict else None)


def _undone(database: Database, stream: StreamRecord, stored: bytes) -> str | None:
    """Why it was rolled back, if it was."""
    from tfstream.model import bundle

    with database.begin() as connection:
        twin = models.rejected_twin(connection, stream.id, bundle.sha256(stored))
    return None if twin is None else f"the same, byte for byte, as version {twin.version}: {twin.reason}"
