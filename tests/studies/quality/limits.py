"""Part ``limits``: does a model find the faults that its detection limits promise, and what do refits change?

Limits are searched as `tfstream train` does it. Then faults are put into rows that are later than all rows
that the model and the search have seen, and the code of the stream says whether it raises an alarm in time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from tests.studies.markdown import figure, table
from tests.studies.quality.limit_streams import LimitStream, streams
from tests.studies.quality.limit_trials import fitted, holds, refits
from tests.studies.quality.settings import QualitySettings
from tfstream.app.detection_limits.limit_search import LimitSearch
from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.learning.held_out import hold_out

_INTRO = """## Detection limits

`tfstream train` states for every sensor the smallest fault that raises an alarm within 8 hours
([detector.md](detector.md#detection-limits)). The first table has their medians over the sensors, in
deviations of a sensor, and what the search takes beside one fit.
"""
_HOLDS = """Does the stream find what the limits promise? Faults of so many times the limit, in random sensors
and rows that are later than all rows that the model and the search have seen; the share that raises an alarm
within 8 hours, in the code that scores a topic. *No fault*: the same of spans without a fault; several
spans may have the same false alarm, because they overlap.
"""
_REFITS = """What refits change: the smallest faults of a model in units of those of the first model, a mean
over sensors and kinds. The gate rejects a challenger above 1.25. The faults that were learnt are offsets and
drifts of 8 hours in single sensors of each asset that nobody has labelled.
"""


def measure(settings: QualitySettings) -> dict[str, Any]:
    """The limits of each stream, whether they hold, and what other rows to learn from change."""
    return {"streams": [_measure_stream(make()) for make in islice(streams(settings.data), settings.files)]}


def section(figures: Mapping[str, Any]) -> str:
    """Three tables."""
    every = figures["streams"]
    return "\n".join(
        [
            _INTRO,
            table(
                [
                    "stream",
                    "sensors",
                    "offset",
                    "drift",
                    "noise",
                    "stuck: found",
                    "after, min",
                    "nobody vouches",
                    "fit, s",
                    "search, s",
                ],
                [_limit_row(each) for each in every],
            ),
            _HOLDS,
            table(
                ["times the limit", *(each["stream"] for each in every)],
                [[name, *(_share(each["holds"].get(name)) for each in every)] for name in every[0]["holds"]],
            ),
            _REFITS,
            table(
                ["learnt from", *(each["stream"] for each in every)],
                [
                    [name, *(figure(each["refits"].get(name), 2) for each in every)]
                    for name in every[0]["refits"]
                ],
            ),
        ]
    )


def _limit_row(stream: Mapping[str, Any]) -> list[object]:
    medians = [figure(stream["medians"][fault], 2) for fault in ("offset", "drift", "noise")]
    stuck = f"{stream['stuck_found']} of {stream['stuck']}"
    times = [figure(stream["stuck_min"], 0), stream["unpredicted"]]
    return [
        stream["stream"],
        stream["sensors"],
        *medians,
        stuck,
        *times,
        figure(stream["fit_s"], 0),
        figure(stream["search_s"], 1),
    ]


def _share(count: Sequence[int] | None) -> str:
    return "-" if count is None else f"{count[0]} of {count[1]}"


def _measure_stream(stream: LimitStream) -> dict[str, Any]:
    held = hold_out(stream.learn, stream.definition.interval_us)
    assert held is not None
    search = LimitSearch(stream.definition, held, 0)
    detector, fit_s = fitted(stream, held.learn)
    began = time.monotonic()
    limits = search.limits(detector)
    search_s = time.monotonic() - began
    assert limits is not None
    print(f"limits: {stream.name}: fit {fit_s:.0f} s, search {search_s:.1f} s", file=sys.stderr, flush=True)
    stuck = limits.of_kind(SensorFault.STUCK)
    times = [limit.after_s for limit in stuck if limit.after_s is not None]
    return {
        "stream": stream.name,
        "sensors": len(limits.sensors),
        "medians": {
            fault.value: float(np.median([each.or_above(limits.above) for each in limits.of_kind(fault)]))
            for fault in SensorFault
            if fault.sized
        },
        "stuck": len(stuck),
        "stuck_found": len(times),
        "stuck_min": float(np.median(times)) / 60,
        "unpredicted": len(limits.unpredicted),
        "fit_s": fit_s,
        "search_s": search_s,
        "holds": holds(stream, detector, limits),
        "refits": dict(refits(stream, held, search, limits)),
    }
