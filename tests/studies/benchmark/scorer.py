"""Part ``scorer``: rows a second on one core, beside what fetching and decoding alone would reach."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from tests.studies.benchmark import peers
from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant, fill, make_topic
from tests.studies.benchmark.row_timer import per_second
from tests.studies.benchmark.topic_runs import fetch_and_decode, score
from tests.studies.markdown import figure, table

_ASSETS = 50
_ROWS = 1_200  # of each asset
_WARM_ROWS = 72  # until every window is full and the model is warm
_ROUNDS = 5
_AIM, _LEAST = 0.55, 0.35
CEILING, OURS = "fetch and decode alone", "tfstream"


def measure(bench: Bench) -> dict[str, Any]:
    """Rounds of all contestants one after the other, so that a busy machine is busy for all of them."""
    topic, rows = bench.topic("scorer"), bench.settings.amount(_ROWS, least=2 * _WARM_ROWS)
    make_topic(bench.bootstrap, topic, 1)
    bench.log(f"scorer: filling the topic with {_ASSETS * rows:,} rows of {SENSORS} sensors")
    size = {"rows": fill(bench.bootstrap, topic, BenchmarkPlant(_ASSETS).messages(0, rows))}
    read = {"bootstrap": bench.bootstrap, "topic": topic, "warm": _WARM_ROWS * _ASSETS, **size}
    bundle, there = bench.bundle, peers.prepare(bench)
    rounds = []
    for number in range(bench.settings.amount(_ROUNDS, least=2)):
        found = {CEILING: alone(fetch_and_decode, **read), OURS: alone(score, bundle=bundle, **read)}
        found |= {name: peers.run(python, name, read) for name, python in there.pythons.items()}
        rounds.append(found)
        rates = ", ".join(f"{name} {per_second(one):,.0f}" for name, one in found.items())
        bench.log(f"scorer: round {number + 1}: rows/s: {rates}")
    return {"assets": _ASSETS, "sensors": SENSORS, **size, "missing": there.missing, "rounds": rounds}


def section(found: Mapping[str, Any]) -> str:
    """Rates and ratios."""
    rounds = found["rounds"]
    rows = [_line(name, rounds) for name in rounds[0]]
    missing = "".join(f"\n{reason}\n" for reason in found["missing"])
    columns = ["", "rows/s", "ratio", "of each round", "rows/CPU s", "ratio by CPU time"]
    words = _WORDS.format(assets=found["assets"], sensors=found["sensors"], rows=found["rows"])
    return f"## Scorer, one core\n\n{words}\n{table(columns, rows)}{missing}\n{_verdict(rounds)}"


_WORDS = """{rows:,} rows of {sensors} sensors from {assets} assets, flat JSON, one partition of a real
Apache Kafka; process, librdkafka's threads included, on one core, the broker on another. The scorer
aligns, scores, judges, writes scores and state and commits every second, as `tfstream score --no-sink`
does. *Fetch and decode alone* reads the same topic with the same consumer settings and the same codec and
throws the readings away. The peers decode with orjson and take a mean over 8 rows; they run no model and
keep no state. The ratio is that of the same round, its median given.
"""


def _line(name: str, rounds: list[Mapping[str, Any]]) -> list[str]:
    ratios = [per_second(one[name]) / per_second(one[CEILING]) for one in rounds]
    by_cpu = [
        per_second(one[name], "cpu_seconds") / per_second(one[CEILING], "cpu_seconds") for one in rounds
    ]
    return [
        name,
        f"{median(per_second(one[name]) for one in rounds):,.0f}",
        figure(median(ratios), 2),
        " ".join(figure(ratio, 2) for ratio in ratios),
        f"{median(per_second(one[name], 'cpu_seconds') for one in rounds):,.0f}",
        figure(median(by_cpu), 2),
    ]


def _verdict(rounds: list[Mapping[str, Any]]) -> str:
    """By CPU time: by the clock, the ceiling mostly waits for its fetches and flatters whatever does not."""
    ratio = median(
        per_second(one[OURS], "cpu_seconds") / per_second(one[CEILING], "cpu_seconds") for one in rounds
    )
    least, aim = ("met" if ratio >= target else "**missed**" for target in (_LEAST, _AIM))
    return (
        f"By CPU time, at least {figure(_LEAST, 2)}: {figure(ratio, 2)}, {least}; the aim of "
        f"{figure(_AIM, 2)}: {aim}. By the clock the ratio is no measure where the ceiling uses less than "
        f"its core: it then waits for its fetches, and a scorer that is busy all the time does not.\n"
    )
