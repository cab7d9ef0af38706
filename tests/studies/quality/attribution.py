"""Part ``attribution``: does an alarm name the faulty sensor and its band?

Each detector is trained on the normal first rows of a real or simulated series. A fault
is put into one sensor where the rest of the series has no label and raises no alarm. The code of the stream
then scores the series, raises alarms and names sensors.
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

FAULTS = 162  # for each detector: nine kinds, three sizes, six of each
_LEARNT_DAYS, _SCORED_DAYS = 7, 2
_SKAB_ROWS = 400
_UNNAMED = 99

_COLUMNS_TEXT = (
    "The rank of the faulty sensor: first / among the first three, in per cent. *Opened* and *closed*: in "
    "the first and the last event of the episode. *All hops*: for every fault, with or without an alarm, "
    "over the hops that show the fault; *largest error*: over the same hops, by the sensor's part in V's "
    "errors alone. *Share*: the faulty sensor's share at the end. *Band*: how often the named band is the "
    "fault's band (oscillation: the band of its period; shift and drift: the level; noise: any other band)."
)


class _Source(NamedTuple):
    """A series for a detector: a file, or a simulated plant when ``path`` is None."""

    suite: str
    path: Path | None
    seed: int


def measure(settings: QualitySettings) -> dict[str, Any]:
    """Results of all trials, then by suite, kind and size of the fault."""
    sources = [source for seed in range(settings.seeds) for source in _sources(settings.data, seed)]
    trials: list[dict[str, Any]] = []
    with workers(settings.processes) as pool:
        for done, series_trials in enumerate(pool.map(_try_source, sources), start=1):
            trials += series_trials
            print(f"attribution: {done} of {len(sources)} series", file=sys.stderr, flush=True)
    groups = [_figures("all", trials)]
    for key in ("suite", "kind", "size"):
        groups += [_figures(name, group) for name, group in _grouped(trials, key)]
    return {"series": len(sources), "groups": groups}


def try_faults(
    monitored: MonitoredSeries, suite: str, seed: int, count: int = FAULTS
) -> list[dict[str, Any]]:
    """Faults of all kinds and sizes in turn; a fault without a suitable row or sensor is left out."""
    rng = np.random.default_rng(seed)
    values = monitored.standard
    trials = []
    for number in range(count):
        turn, kind = divmod(number, len(single_faults.NAMES))
        rows = single_faults.length(rng)
        fault_starts = monitored.fault_starts(rows)
        if not len(fault_starts):
            continue
        first = int(rng.choice(fault_starts))
        size = single_faults.SIZES[turn % len(single_faults.SIZES)]
        fault = single_faults.make(single_faults.NAMES[kind], values, first, first + rows, size, rng)
        if fault is not None:
            trials.append({"suite": suite, **_trial(monitored, fault, monitored.name_sensors(fault))})
    return trials


def _trial(
    monitored: MonitoredSeries, fault: single_faults.SingleFault, named: NamedSensors
) -> dict[str, Any]:
    """The rank of the faulty sensor in each list, from 1, and whether the band is the fault's band."""
    name = monitored.detector.definition_sensors[fault.sensor]
    share = next((share for share in named.closed if share.name == name), None)
    return {
        "kind": fault.kind,
        "size": fault.size,
        "rows": fault.stop - fault.first,
        "alarm": bool(named.opened),
        "opened": _rank([share.name for share in named.opened], name),
        "closed": _rank([share.name for share in named.closed], name),
        "hops": _rank([share.name for share in named.hops], name),
        "errors": _rank(named.errors, name),
        "share": share.share if share else 0.0,
        "band": None if share is None else _right_band(fault, share, monitored.rule.interval_us / 1e6),
    }


def _rank(names: Sequence[str], faulty: str) -> int:
    return names.index(faulty) + 1 if faulty in names else _UNNAMED


def _right_band(fault: single_faults.SingleFault, share: SensorShare, row_s: float) -> bool | None:
    """Whether the band fits the fault; None for kinds of faults without a band."""
    assert share.band is not None
    if fault.period is not None:
        longest = share.band.longest_s
        return longest is not None and share.band.shortest_s <= fault.period * row_s <= longest
    if fault.kind in ("shift", "drift"):
        return share.band.longest_s is None
    return share.band.longest_s is not None if fault.kind == "noise" else None


def _sources(data: Path | None, seed: int) -> list[_Source]:
    """Some series of each suite: successive files of a suite are similar."""
    sources = [_Source("plant", None, seed)]
    if data is not None:
        sources += [_Source("msl", path, seed) for path in sorted((data / "msl").glob("*.parquet"))[1::3]]
        sources += [_Source("skab", path, seed) for path in sorted((data / "skab").glob("[vo]*.csv"))[2::7]]
        sources += [_Source("asd", path, seed) for path in sorted((data / "asd").glob("*.parquet"))[::2]]
    return sources


def _try_source(source: _Source) -> list[dict[str, Any]]:
    monitored = (
        _monitored_plant(source.seed) if source.path is None else _monitored_file(source.path, source.seed)
    )
    return try_faults(monitored, source.suite, source.seed)


def _monitored_file(path: Path, seed: int) -> MonitoredSeries:
    rows = _SKAB_ROWS if path.suffix == ".csv" else None
    labelled = prepare(path, EvaluationOptions(train_rows=rows))
    definition, learnt = labelled.definition, slice(0, labelled.train_rows)
    asset, times_us, values = labelled.series
    series = [Series(asset, times_us[learnt], values[learnt])]
    detector = fit(
        series, definition.sensors, definition.interval_us, DetectorConfig(), seed, ignore_progress
    )
    return monitor_series(detector, definition, asset, values, ~labelled.labels, labelled.train_rows)


def _monitored_plant(seed: int) -> MonitoredSeries:
    plant = WaterPlant(seed, assets=2)
    learnt = _LEARNT_DAYS * 1440
    series = plant.simulate(learnt + _SCORED_DAYS * 1440, 0)
    training = [Series(asset, times[:learnt], values[:learnt]) for asset, times, values in series]
    detector = fit(training, plant.sensors, MINUTE_US, DetectorConfig(), seed, ignore_progress)
    definition = StreamDefinition(topic="plant", sensors=plant.sensors, interval_us=MINUTE_US)
    values = series[0].values[learnt - 1440 :]
    return monitor_series(detector, definition, series[0].asset, values, np.ones(len(values), np.bool_), 1440)


def section(figures: Mapping[str, Any]) -> str:
    """One table: all, then by suite, kind and size."""
    groups = figures["groups"]
    words = (
        f"{groups[0]['faults']} faults of one sensor in {figures['series']} series, 8 to 128 rows long and "
        f"1 to 4 deviations large; {groups[0]['alarms']} of them raised an alarm. {_COLUMNS_TEXT}"
    )
    columns = ["", "faults", "alarms", "opened", "closed", "all hops", "largest error", "share", "band"]
    return "\n".join(["## Attribution\n", words + "\n", table(columns, [_row(group) for group in groups])])


def _grouped(trials: Iterable[dict[str, Any]], key: str) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for trial in trials:
        groups.setdefault(str(trial[key]), []).append(trial)
    return list(groups.items())


def _figures(name: str, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Results over the trials with an alarm; ``hops`` and ``errors`` over all trials."""
    alarmed = [trial for trial in trials if trial["alarm"]]
    return {
        "name": name,
        "faults": len(trials),
        "alarms": len(alarmed),
        "opened": _ranked(alarmed, "opened"),
        "closed": _ranked(alarmed, "closed"),
        "hops": _ranked(trials, "hops"),
        "errors": _ranked(trials, "errors"),
        "share": _mean([trial["share"] for trial in alarmed]),
        "band": _mean([trial["band"] for trial in alarmed if trial["band"] is not None]),
    }


def _ranked(trials: Sequence[Mapping[str, Any]], ranks: str) -> list[float | None]:
    """How often the faulty sensor is first, and among the first three."""
    return [_mean([trial[ranks] <= most for trial in trials]) for most in (1, 3)]


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
