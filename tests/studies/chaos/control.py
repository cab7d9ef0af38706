"""The control: scorers that do not read again what their windows hold must not pass the check."""

from __future__ import annotations

from tests.studies.chaos.plan import SCORERS, Fault
from tests.studies.chaos.show import Say, Settings, Told, perform
from tests.studies.chaos.stage import Stage

_ALONE = SCORERS[0]
_KILLS = [Fault(kind="kill", target=_ALONE, touches=(_ALONE,), pause_s=6.0)] * 2


def control(stage: Stage, seed: int, say: Say) -> Told:
    """The same show with two kills, played by one careless scorer."""
    settings = Settings(
        topic="control.sensors", seed=seed, rounds_per_s=20.0, careless=True, scorers=(_ALONE,)
    )
    return perform(stage, _KILLS, settings, say)
