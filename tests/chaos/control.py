"""The control: scorers that do not read again what their windows hold must not pass the check."""

from __future__ import annotations

from tests.chaos.plan import SCORERS, Fault
from tests.chaos.show import Say, Settings, Told, perform
from tests.chaos.stage import Stage

_KILLS = [Fault(kind="kill", target=name, touches=(name,), pause_s=3.0) for name in (*SCORERS, SCORERS[0])]


def control(stage: Stage, seed: int, say: Say) -> Told:
    """The same show with a few kills, played by careless scorers."""
    settings = Settings(topic="control.sensors", seed=seed, rounds_per_s=20.0, careless=True)
    return perform(stage, _KILLS, settings, say)
