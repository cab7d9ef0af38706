"""Is the guilty sensor named, and what is wrong with it? Faults of one sensor in real and simulated normal
data.

Each detector learns from the normal beginning of a series. A fault goes into one sensor where the rest of the
series is unlabelled and raises no alarm by itself, and the stream's own code scores, alarms and tells.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.studies.markdown import table
from tests.studies.processes import workers
from tests.studies.quality import single_faults
from tests.studies.quality.monitored_series import MonitoredSeries, NamedSensors, monitor_series
from tests.studies.quality.runs import ignore_progress
from tests.studies.quality.settings import QualitySettings
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.labelled_series import prepare
from tfstream.core.messages.anomaly_event import SensorShare
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit

FAULTS = 162  # a detector: nine kinds, three sizes, six of each
_LEARNT_DAYS, _WATCHED_DAYS = 7, 2
_SKAB_ROWS = 400
_UNNAMED = 99

_READING = (
    "The guilty sensor's rank: first / among the first three, in per cent. *Opened* and *closed*: in the "
    "first and the last event of the episode. *All hops*: of every fault, alarm or none, over the hops that "
    "show it; *largest error*: there, by the sensor's part in V's errors alone. *Share*: of the guilty "
    "sensor at the end. *Band*: how often it is the fault's own (oscillation: the one with its period; shift "
    "and drift: the level; noise: any other)."
)


class _Source(NamedTuple):
    """A series to learn from: a file, or a simulated plant without one."""

    suite: str
    path: Path | None
    seed: int


def measure(settings: QualitySettings) -> dict[str, Any]:
    """The figures of all trials, and by suite, kind and size of the fault."""
    sources = [source for seed in range(settings.seeds) for source in _sources(settings.data, seed)]
    trials: list[dict[str, Any]] = []
    with workers(settings.processes) as pool:
        for done, found in enumerate(pool.map(_tried, sources), start=1):
            trials += found
            print(f"attribution: {done} of {len(sources)} series", file=sys.stderr, flush=True)
    groups = [_figures("all", trials)]
    for key in ("suite", "kind", "size"):
        groups += [_figures(name, some) for name, some in _grouped(trials, key)]
    return {"series": len(sources), "groups": groups}


def try_faults(
    monitored: MonitoredSeries, suite: str, seed: int, count: int = FAULTS
) -> list[dict[str, Any]]:
    """Faults of all kinds and sizes in turn; those for which there is no place or sensor are left out."""
    rng = np.random.default_rng(seed)
    values = monitored.standard
    found = []
    for number in range(count):
        turn, kind = divmod(number, len(single_faults.NAMES))
        rows = single_faults.length(rng)
        places = monitored.places(rows)
        if not len(places):
            continue
        first = int(rng.choice(places))
        size = single_faults.SIZES[turn % len(single_faults.SIZES)]
        fault = single_faults.make(single_faults.NAMES[kind], values, first, first + rows, size, rng)
        if fault is not None:
            found.append({"suite": suite, **_trial(monitored, fault, monitored.name_sensors(fault))})
    return found


def _trial(
    monitored: MonitoredSeries, fault: single_faults.SingleFault, named: NamedSensors
) -> dict[str, Any]:
    """Ranks from 1 of the guilty sensor in each answer, and whether the band is that of the fault."""
    name = monitored.detector.definition_sensors[fault.sensor]
    told = next((one for one in named.closed if one.name == name), None)
    return {
        "kind": fault.kind,
        "size": fault.size,
        "rows": fault.stop - fault.first,
        "alarm": bool(named.opened),
        "opened": _rank([one.name for one in named.opened], name),
        "closed": _rank([one.name for one in named.closed], name),
        "hops": _rank([one.name for one in named.hops], name),
        "errors": _rank(named.errors, name),
        "share": told.share if told else 0.0,
        "band": None if told is None else _right_band(fault, told, monitored.rule.interval_us / 1e6),
    }


def _rank(names: Sequence[str], guilty: str) -> int:
    return names.index(guilty) + 1 if guilty in names else _UNNAMED


def _right_band(fault: single_faults.SingleFault, told: SensorShare, row_s: float) -> bool | None:
    """None for faults that have no band of their own."""
    assert told.band is not None
    if fault.period is not None:
        longest = told.band.longest_s
        return longest is not None and told.band.shortest_s <= fault.period * row_s <= longest
    if fault.kind in ("shift", "drift"):
        return told.band.longest_s is None
    return told.band.longest_s is not None if fault.kind == "noise" else None


def _sources(data: Path | None, seed: int) -> list[_Source]:
    """Some series of each suite: neighbours in a suite are much alike."""
    found = [_Source("plant", None, seed)]
    if data is not None:
        found += [_Source("msl", path, seed) for path in sorted((data / "msl").glob("*.parquet"))[1::3]]
        found += [_Source("skab", path, seed) for path in sorted((data / "skab").glob("[vo]*.csv"))[2::7]]
        found += [_Source("asd", path, seed) for path in sorted((data / "asd").glob("*.parquet"))[::2]]
    return found


def _tried(source: _Source) -> list[dict[str, Any]]:
    monitored = (
        _watched_plant(source.seed) if source.path is None else _watched_file(source.path, source.seed)
    )
    return try_faults(monitored, source.suite, source.seed)


def _watched_file(path: Path, seed: int) -> MonitoredSeries:
    rows = _SKAB_ROWS if path.suffix == ".csv" else None
    labelled = prepare(path, EvaluationOptions(train_rows=rows))
    definition, learnt = labelled.definition, slice(0, labelled.train_rows)
    asset, times_us, values = labelled.series
    series = [Series(asset, times_us[learnt], values[learnt])]
    detector = fit(
        series, definition.sensors, definition.interval_us, DetectorConfig(), seed, ignore_progress
    )
    return monitor_series(detector, definition, asset, values, ~labelled.labels, labelled.train_rows)


def _watched_plant(seed: int) -> MonitoredSeries:
    plant = WaterPlant(seed, assets=2)
    learnt = _LEARNT_DAYS * 1440
    series = plant.simulate(learnt + _WATCHED_DAYS * 1440, 0)
    first = [Series(one.asset, one.times_us[:learnt], one.values[:learnt]) for one in series]
    detector = fit(first, plant.sensors, MINUTE_US, DetectorConfig(), seed, ignore_progress)
    definition = StreamDefinition(topic="plant", sensors=plant.sensors, interval_us=MINUTE_US)
    values = series[0].values[learnt - 1440 :]
    return monitor_series(detector, definition, series[0].asset, values, np.ones(len(values), np.bool_), 1440)


def section(found: Mapping[str, Any]) -> str:
    """One table: all, then by suite, kind and size."""
    groups = found["groups"]
    words = (
        f"{groups[0]['faults']} faults of one sensor in {found['series']} series, 8 to 128 rows long, 1 to 4 "
        f"deviations large; {groups[0]['alarms']} raised an alarm. {_READING}"
    )
    columns = ["", "faults", "alarms", "opened", "closed", "all hops", "largest error", "share", "band"]
    return "\n".join(["## Attribution\n", words + "\n", table(columns, [_row(group) for group in groups])])


def _grouped(trials: Iterable[dict[str, Any]], key: str) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in trials:
        groups.setdefault(str(one[key]), []).append(one)
    return list(groups.items())


def _figures(name: str, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of the alarms; ``hops`` and ``errors`` of all trials."""
    alarmed = [one for one in trials if one["alarm"]]
    return {
        "name": name,
        "faults": len(trials),
        "alarms": len(alarmed),
        "opened": _ranked(alarmed, "opened"),
        "closed": _ranked(alarmed, "closed"),
        "hops": _ranked(trials, "hops"),
        "errors": _ranked(trials, "errors"),
        "share": _mean([one["share"] for one in alarmed]),
        "band": _mean([one["band"] for one in alarmed if one["band"] is not None]),
    }


def _ranked(trials: Sequence[Mapping[str, Any]], named: str) -> list[float | None]:
    """How often the guilty sensor comes first, and among the first three."""
    return [_mean([one[named] <= most for one in trials]) for most in (1, 3)]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _row(group: Mapping[str, Any]) -> list[str]:
    ranks = (
        " / ".join(_percent(part) for part in group[name]) for name in ("opened", "closed", "hops", "errors")
    )
    share = "-" if group["share"] is None else f"{group['share']:.2f}"
    return [
        group["name"],
        str(group["faults"]),
        str(group["alarms"]),
        *ranks,
        share,
        _percent(group["band"]),
    ]


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.1f}"
