"""Part ``scorer``: rows a second on one core, compared with fetch and decode alone."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from tests.studies.benchmark import peers
from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant
from tests.studies.benchmark.row_timer import per_second
from tests.studies.benchmark.topic_runs import fetch_and_decode, score
from tests.studies.benchmark.topic_setup import create_topic, fill_topic
from tests.studies.markdown import figure, met, table

_ASSETS = 50
_ROWS = 1_200  # of each asset
_WARM_ROWS = 72  # until every window is full and the model is warm
_ROUNDS = 5
_GOAL, _MIN_RATIO = 0.55, 0.35
FETCH_AND_DECODE, SCORER = "fetch and decode alone", "tfstream"


def measure(bench: Bench) -> dict[str, Any]:
    """Rounds of all processes one after the other, so that a busy machine affects all of them."""
    topic, rows = bench.topic("scorer"), bench.settings.amount(_ROWS, least=2 * _WARM_ROWS)
    create_topic(bench.bootstrap, topic, 1)
    bench.log(f"scorer: filling the topic with {_ASSETS * rows:,} rows of {SENSORS} sensors")
    size = {"rows": fill_topic(bench.bootstrap, topic, BenchmarkPlant(_ASSETS).messages(0, rows))}
    topic_run = {"bootstrap": bench.bootstrap, "topic": topic, "warm": _WARM_ROWS * _ASSETS, **size}
    bundle, peer_environment = bench.bundle, peers.prepare(bench)
    rounds = []
    for number in range(bench.settings.amount(_ROUNDS, least=2)):
        timings = {
            FETCH_AND_DECODE: alone(fetch_and_decode, **topic_run),
            SCORER: alone(score, bundle=bundle, **topic_run),
        }
        timings |= {
            name: peers.run(python, name, topic_run) for name, python in peer_environment.pythons.items()
        }
        rounds.append(timings)
        rates = ", ".join(f"{name} {per_second(timing):,.0f}" for name, timing in timings.items())
        bench.log(f"scorer: round {number + 1}: rows/s: {rates}")
    return {
        "assets": _ASSETS,
        "sensors": SENSORS,
        **size,
        "missing": peer_environment.missing,
        "rounds": rounds,
    }


def section(figures: Mapping[str, Any]) -> str:
    """Rates and ratios."""
    rounds = figures["rounds"]
    rows = [_line(name, rounds) for name in rounds[0]]
    missing = "".join(f"\n{reason}\n" for reason in figures["missing"])
    columns = ["process", "rows/s", "ratio", "ratio of each round", "rows/CPU s", "ratio by CPU time"]
    intro = _INTRO.format(assets=figures["assets"], sensors=figures["sensors"], rows=figures["rows"])
    return f"## Scorer, one core\n\n{intro}\n{table(columns, rows)}{missing}\n{_targets(rounds)}"


_INTRO = """{rows:,} rows of {sensors} sensors from {assets} assets, flat JSON, one partition of a real Apache
Kafka. The process, including librdkafka's threads, has one core; the broker has another. The scorer aligns
and scores the rows, tracks episodes, writes scores and state, and commits every second, as in `tfstream score
--no-sink`. *Fetch and decode alone* reads the same topic with the same consumer settings and the same codec
and discards the readings. The peers decode with orjson and compute a mean over 8 rows; they have no model and
no state. Each ratio compares processes of the same round; the table shows the median.
"""


def _line(name: str, rounds: list[Mapping[str, Any]]) -> list[str]:
    ratios = [per_second(timings[name]) / per_second(timings[FETCH_AND_DECODE]) for timings in rounds]
    by_cpu = [
        per_second(timings[name], "cpu_seconds") / per_second(timings[FETCH_AND_DECODE], "cpu_seconds")
        for timings in rounds
    ]
    return [
        name,
        f"{median(per_second(timings[name]) for timings in rounds):,.0f}",
        figure(median(ratios), 2),
        " ".join(figure(ratio, 2) for ratio in ratios),
        f"{median(per_second(timings[name], 'cpu_seconds') for timings in rounds):,.0f}",
        figure(median(by_cpu), 2),
    ]


def _targets(rounds: list[Mapping[str, Any]]) -> str:
    """Compares CPU time, because fetch and decode alone mostly waits, which would favour the scorer."""
    ratio = median(
        per_second(timings[SCORER], "cpu_seconds") / per_second(timings[FETCH_AND_DECODE], "cpu_seconds")
        for timings in rounds
    )
    minimum, goal = (met(ratio >= target) for target in (_MIN_RATIO, _GOAL))
    return (
        f"Ratio by CPU time: {figure(ratio, 2)}. Minimum {figure(_MIN_RATIO, 2)}: {minimum}; goal "
        f"{figure(_GOAL, 2)}: {goal}. The ratio of rows/s is not meaningful when *fetch and decode alone* "
        "uses less than its core: it then waits for fetches, while the scorer is always busy.\n"
    )
