"""The plan of a chaos run: a list of faults that a seed decides."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SCORERS = ("scorer-0", "scorer-1", "scorer-2")
TABLE_WRITERS = ("recorder", "sink")
BROKER, POSTGRES = "broker", "postgres"

# The steps of a commit at which a scorer kills itself; see tests/studies/chaos/crashing_process.py.
COMMIT_STEPS = (
    "before begin",
    "among outputs",
    "after outputs",
    "after offsets",
    "during commit",
    "after commit",
)
INPUTS = (
    "future time",
    "time ahead",
    "backward time",
    "duplicate time",
    "clock forward",
    "clock back",
    "malformed",
    "giant",
    "deep",
    "NaN only",
    "tombstone",
    "all poison",
    "silent asset",
    "silent sensor",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFault:
    """A fault that begins ``pause_s`` after the fault before it, and lasts ``hold_s`` if it has a duration.

    ``affects`` names the processes and services that no other fault may affect meanwhile. ``number`` is the
    n-th commit from then on, or how many scorers join.
    """

    kind: str
    target: str = ""
    affects: tuple[str, ...] = ()
    pause_s: float = 1.0
    hold_s: float = 0.0
    number: int = 0


def plan_faults(seed: int) -> Iterator[PlannedFault]:
    """An endless plan: rounds of one fault of each kind, every round in its own order."""
    rng = random.Random(seed)
    while True:
        yield from _plan_round(rng)


def plan_one_round(seed: int) -> list[PlannedFault]:
    """One fault of each kind."""
    return _plan_round(random.Random(seed))


def _plan_round(rng: random.Random) -> list[PlannedFault]:
    faults = [*_of_scorers(rng), *_of_table_writers(rng), *_of_services(rng), *_of_inputs(rng)]
    rng.shuffle(faults)
    return faults


def _of_scorers(rng: random.Random) -> Iterator[PlannedFault]:
    for step in COMMIT_STEPS:
        yield _on_any(rng, SCORERS, f"kill {step}", number=rng.randint(1, 5))
    yield _on_any(rng, SCORERS, "kill")
    yield _on_any(rng, SCORERS, "stop and resume", hold_s=rng.uniform(17.0, 19.0))
    yield _on_any(rng, SCORERS, "terminate", also=(BROKER,))
    yield _on_any(rng, SCORERS, "same slot twice", also=(BROKER, POSTGRES))
    yield PlannedFault(
        kind="rebalance storm", affects=("storm", BROKER, POSTGRES), pause_s=_pause(rng), number=3
    )
    yield PlannedFault(
        kind="metadata corrupt or absent", affects=(*SCORERS, "storm", BROKER), pause_s=_pause(rng)
    )


def _of_table_writers(rng: random.Random) -> Iterator[PlannedFault]:
    for writer in TABLE_WRITERS:
        for kind in ("kill", "terminate"):
            yield PlannedFault(kind=f"{kind} {writer}", target=writer, affects=(writer,), pause_s=_pause(rng))


def _of_services(rng: random.Random) -> Iterator[PlannedFault]:
    for service, verb in ((BROKER, "killed"), (POSTGRES, "ended")):
        for hold_s, duration in ((0.0, "restarted at once"), (17.0, "down for 17 s")):
            yield PlannedFault(
                kind=f"{service} {verb}, {duration}",
                target=service,
                affects=(service,),
                pause_s=_pause(rng),
                hold_s=hold_s,
            )


def _of_inputs(rng: random.Random) -> Iterator[PlannedFault]:
    for kind in INPUTS:
        yield PlannedFault(kind=f"input: {kind}", pause_s=rng.uniform(0.2, 1.0))


def _on_any(
    rng: random.Random,
    targets: Sequence[str],
    kind: str,
    *,
    hold_s: float = 0.0,
    number: int = 0,
    also: tuple[str, ...] = (),
) -> PlannedFault:
    """A fault on one of the targets; ``also`` names what else it affects."""
    target = rng.choice(targets)
    return PlannedFault(
        kind=kind, target=target, affects=(target, *also), pause_s=_pause(rng), hold_s=hold_s, number=number
    )


def _pause(rng: random.Random) -> float:
    return rng.uniform(0.5, 3.0)
