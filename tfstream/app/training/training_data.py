"""The stored readings that are learnt from: all but what is left out, on the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tfstream.app.training.alignment import aligned_pieces
from tfstream.core.learning.exclude import ExcludedCells, exclude, known_cells
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.exclusion_cause import ExclusionCause, TrainingEpisode, excluded_spans
from tfstream.core.learning.memory_limit import memory_limit
from tfstream.core.learning.new_normal import accept
from tfstream.core.reading import Series
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.storage import exclusions, readings, training_episodes
from tfstream.storage.database import Connection
from tfstream.storage.streams import StreamRecord

_WINDOW_ROWS = DetectorConfig().window_rows

Report = Callable[[str, float], None]


class NormalData(NamedTuple):
    """Unbroken pieces of assets, and what is not among them."""

    series: list[Series]
    left_out: ExcludedCells


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is known of a stream beside its readings.

    ``margin_us``, a window's rows: so long before an alarm, and after it, may already or still be strange.
    """

    definition: StreamDefinition
    exclusions: Sequence[Exclusion]
    episodes: Sequence[TrainingEpisode]
    margin_us: int


def read(
    connection: Connection,
    stream: StreamRecord,
    since_us: int | None,
    until_us: int | None,
    report: Report,
) -> NormalData:
    """Every asset's normal readings of a span, ends included; None is open. The newest, if it is too much."""
    names = readings.assets(connection, stream.id, since_us, until_us)
    left_out = ExcludedCells()
    span = readings.span(connection, stream.id) if names else None
    if span is None:
        return NormalData([], left_out)
    names, since_us = _affordable(names, stream.definition, since_us, until_us, span, left_out)
    known = _known(connection, stream, since_us, until_us, span)
    series: list[Series] = []
    for done, asset in enumerate(names):
        report("read", done / len(names))
        width = len(stream.definition.sensors)
        found = readings.read(connection, stream.id, asset, since_us, until_us, width)
        kept = _normal(list(aligned_pieces(found, stream.definition)), known, left_out)
        if not kept:
            left_out.notes.append(
                f"{asset}: all its readings are left out; the model will not know its own levels"
            )
        series += kept
    report("read", 1.0)
    return NormalData(series, left_out)


def _affordable(
    names: list[str],
    definition: StreamDefinition,
    since_us: int | None,
    until_us: int | None,
    span: tuple[int, int, int],
    left_out: ExcludedCells,
) -> tuple[list[str], int | None]:
    """The assets and the beginning that fit into memory; what does not is said."""
    found = memory_limit(names, len(definition.sensors))
    first = span[0] if since_us is None else max(since_us, span[0])
    last = span[1] if until_us is None else min(until_us, span[1])
    if len(found.assets) < len(names):
        left_out.notes.append(
            f"{len(found.assets)} of {len(names)} assets are learnt from: more would not fit into memory"
        )
    affordable_us = found.rows * definition.interval_us
    if last - first <= affordable_us:
        return found.assets, since_us
    left_out.notes.append(
        f"only the newest {found.rows:,} rows are learnt from: more would not fit into memory"
    )
    return found.assets, last - affordable_us


def _known(
    connection: Connection,
    stream: StreamRecord,
    since_us: int | None,
    until_us: int | None,
    span: tuple[int, int, int],
) -> _Known:
    margin_us = _WINDOW_ROWS * stream.definition.interval_us
    stored = exclusions.list_all(connection, topic=stream.definition.topic)
    return _Known(
        definition=stream.definition,
        exclusions=[row.exclusion for row in stored if row.no_learn],
        episodes=training_episodes.read(
            connection,
            stream,
            None if since_us is None else max(since_us, span[0]) - margin_us,
            None if until_us is None else min(until_us, span[1]) + margin_us,
        ),
        margin_us=margin_us,
    )


def _normal(pieces: list[Series], known: _Known, left_out: ExcludedCells) -> list[Series]:
    """The pieces of one asset, without what is left out and at its newest normal."""
    if not pieces:  # an asset that ended before the rows that fit into memory
        return []
    definition, sensors = known.definition, known.definition.sensors
    first, last = int(pieces[0].times_us[0]), int(pieces[-1].times_us[-1])
    cells = ((last - first) // definition.interval_us + 1) * len(sensors)
    left_out.cells += cells
    left_out.by_cause[ExclusionCause.GAP] += cells - known_cells(pieces)
    asset = pieces[0].asset
    cuts = excluded_spans(
        asset, sensors, known.exclusions, known.episodes, Span(first, last + 1), known.margin_us
    )
    kept = [part for piece in pieces for part in exclude(piece, cuts, left_out)]
    accepted = [one for one in known.episodes if one.asset == asset and one.accepted_from_us is not None]
    return accept(kept, accepted, sensors, _WINDOW_ROWS, left_out)
