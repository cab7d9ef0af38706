"""The control: a scorer without the rewind offset, which the comparison must detect."""

from __future__ import annotations

from tests.studies.chaos.chaos_run import ChaosResult, ChaosSettings, run_chaos
from tests.studies.chaos.chaos_services import ChaosServices
from tests.studies.chaos.fault_plan import SCORERS, PlannedFault
from tests.studies.chaos.fault_runner import Log

_SCORER = SCORERS[0]
_KILLS = [PlannedFault(kind="kill", target=_SCORER, affects=(_SCORER,), pause_s=6.0)] * 2


def run_control(services: ChaosServices, seed: int, log: Log) -> ChaosResult:
    """A chaos run with two kills, on one scorer that does not rewind to the start of its open windows."""
    settings = ChaosSettings(
        topic="control.sensors", seed=seed, rounds_per_s=20.0, without_rewind=True, scorers=(_SCORER,)
    )
    return run_chaos(services, _KILLS, settings, log)
