"""What is going to be done to a running stream: a list of faults that a seed decides."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SCORERS = ("scorer-0", "scorer-1", "scorer-2")
FEEDS = ("recorder", "sink")
BROKER, POSTGRES = "broker", "postgres"

# The steps of a commit at which a scorer is killed; tests/studies/chaos/entry.py does it.
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
class Fault:
    """One fault: ``pause_s`` after the one before it has begun, lasting ``hold_s`` if it is one that lasts.

    ``touches`` are the processes and services that no other fault may touch meanwhile.
    """

    kind: str
    target: str = ""
    touches: tuple[str, ...] = ()
    pause_s: float = 1.0
    hold_s: float = 0.0
    number: int = 0  # the n-th commit from then on, or how many


def plan(seed: int) -> Iterator[Fault]:
    """Faults without end: every kind once in each round, each round in an order of its own."""
    rng = random.Random(seed)
    while True:
        yield from _round(rng)


def first_round(seed: int) -> list[Fault]:
    """Every kind once."""
    return _round(random.Random(seed))


def _round(rng: random.Random) -> list[Fault]:
    faults = [*_of_scorers(rng), *_of_feeds(rng), *_of_services(rng), *_of_inputs(rng)]
    rng.shuffle(faults)
    return faults


def _of_scorers(rng: random.Random) -> Iterator[Fault]:
    for step in COMMIT_STEPS:
        yield _on(rng, SCORERS, f"kill {step}", number=rng.randint(1, 5))
    yield _on(rng, SCORERS, "kill")
    yield _on(rng, SCORERS, "stop and resume", hold_s=rng.uniform(17.0, 19.0))
    yield _on(rng, SCORERS, "terminate", also=(BROKER,))
    yield _on(rng, SCORERS, "same slot twice", also=(BROKER, POSTGRES))
    yield Fault(kind="rebalance storm", touches=("storm", BROKER, POSTGRES), pause_s=_pause(rng), number=3)
    yield Fault(kind="metadata corrupt or absent", touches=(*SCORERS, "storm", BROKER), pause_s=_pause(rng))


def _of_feeds(rng: random.Random) -> Iterator[Fault]:
    for feed in FEEDS:
        for kind in ("kill", "terminate"):
            yield Fault(kind=f"{kind} {feed}", target=feed, touches=(feed,), pause_s=_pause(rng))


def _of_services(rng: random.Random) -> Iterator[Fault]:
    for service, words in ((BROKER, "killed"), (POSTGRES, "ended")):
        for hold_s, span in ((0.0, "restarted at once"), (17.0, "down for 17 s")):
            yield Fault(
                kind=f"{service} {words}, {span}",
                target=service,
                touches=(service,),
                pause_s=_pause(rng),
                hold_s=hold_s,
            )


def _of_inputs(rng: random.Random) -> Iterator[Fault]:
    for kind in INPUTS:
        yield Fault(kind=f"input: {kind}", pause_s=rng.uniform(0.2, 1.0))


def _on(
    rng: random.Random,
    targets: Sequence[str],
    kind: str,
    *,
    hold_s: float = 0.0,
    number: int = 0,
    also: tuple[str, ...] = (),
) -> Fault:
    target = rng.choice(targets)
    return Fault(
        kind=kind, target=target, touches=(target, *also), pause_s=_pause(rng), hold_s=hold_s, number=number
    )


def _pause(rng: random.Random) -> float:
    return rng.uniform(0.5, 3.0)
