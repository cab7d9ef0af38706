"""Which stored readings a refit learns from: the normal ones, on the regular grid.

This module reads the readings, exclusions and episodes of a stream. The rule that says which rows are normal
is :mod:`tfstream.core.learning.normal_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tfstream.app.training.alignment import aligned_pieces
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.exclude import ExcludedCells, exclude, known_cells
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.memory_limit import memory_limit
from tfstream.core.learning.new_normal import move_to_new_normal
from tfstream.core.learning.normal_rows import ExclusionCause, TrainingEpisode, excluded_spans
from tfstream.core.reading import Series
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.storage import exclusions, readings, training_episodes
from tfstream.storage.database import Connection
from tfstream.storage.streams import StreamRecord

Report = Callable[[str, float], None]


class NormalData(NamedTuple):
    """Unbroken pieces of assets, and what was left out of the stored readings."""

    series: list[Series]
    left_out: ExcludedCells


@dataclass(frozen=True, kw_only=True)
class _SpanLimits:
    """The span to read: as asked for, None is open, and its ``first_us`` and ``last_us`` in the database."""

    since_us: int | None
    until_us: int | None
    first_us: int
    last_us: int


@dataclass(frozen=True, kw_only=True)
class _NormalRules:
    """What decides which readings of a stream are normal: its exclusions and episodes."""

    definition: StreamDefinition
    config: DetectorConfig
    exclusions: Sequence[Exclusion]
    episodes: Sequence[TrainingEpisode]

    @property
    def margin_us(self) -> int:
        """A window's rows: this long before and after an episode, readings may still be abnormal."""
        return _margin_us(self.definition, self.config)


def read(
    connection: Connection, stream: StreamRecord, options: TrainingOptions, report: Report
) -> NormalData:
    """Read every asset's normal readings of the span of ``options``; only the newest if memory is too small.

    Only ``since_us``, ``until_us`` and ``config`` of the options matter here.
    """
    names = readings.assets(connection, stream.id, options.since_us, options.until_us)
    left_out = ExcludedCells()
    stored = readings.span(connection, stream.id) if names else None
    if stored is None:
        return NormalData([], left_out)
    limits = _span_limits(options, stored)
    names, limits = _within_memory(names, stream.definition, limits, left_out)
    rules = _read_rules(connection, stream, options.config, limits)
    series: list[Series] = []
    for done, asset in enumerate(names):
        report("read", done / len(names))
        series += _read_asset(connection, stream, asset, limits, rules, left_out)
    report("read", 1.0)
    return NormalData(series, left_out)


def _span_limits(options: TrainingOptions, stored: tuple[int, int, int]) -> _SpanLimits:
    first_us, last_us, _ = stored
    return _SpanLimits(
        since_us=options.since_us,
        until_us=options.until_us,
        first_us=first_us if options.since_us is None else max(options.since_us, first_us),
        last_us=last_us if options.until_us is None else min(options.until_us, last_us),
    )


def _within_memory(
    names: list[str], definition: StreamDefinition, limits: _SpanLimits, left_out: ExcludedCells
) -> tuple[list[str], _SpanLimits]:
    """The assets and the span that fit into memory; a note says what does not."""
    limit = memory_limit(names, len(definition.sensors))
    if len(limit.assets) < len(names):
        left_out.notes.append(
            f"{len(limit.assets)} of {len(names)} assets are learnt from: more would not fit into memory"
        )
    longest_us = limit.rows * definition.interval_us
    if limits.last_us - limits.first_us <= longest_us:
        return limit.assets, limits
    left_out.notes.append(
        f"only the newest {limit.rows:,} rows are learnt from: more would not fit into memory"
    )
    since_us = limits.last_us - longest_us
    return limit.assets, replace(limits, since_us=since_us, first_us=since_us)


def _read_rules(
    connection: Connection, stream: StreamRecord, config: DetectorConfig, limits: _SpanLimits
) -> _NormalRules:
    margin_us = _margin_us(stream.definition, config)
    stored = exclusions.list_all(connection, topic=stream.definition.topic)
    return _NormalRules(
        definition=stream.definition,
        config=config,
        exclusions=[row.exclusion for row in stored if row.no_learn],
        episodes=training_episodes.read(
            connection,
            stream,
            None if limits.since_us is None else limits.first_us - margin_us,
            None if limits.until_us is None else limits.last_us + margin_us,
        ),
    )


def _read_asset(
    connection: Connection,
    stream: StreamRecord,
    asset: str,
    limits: _SpanLimits,
    rules: _NormalRules,
    left_out: ExcludedCells,
) -> list[Series]:
    definition, hop_rows = stream.definition, rules.config.hop_rows
    width = len(definition.sensors)
    stored = readings.read(connection, stream.id, asset, limits.since_us, limits.until_us, width)
    normal = _normal_pieces(list(aligned_pieces(stored, definition, hop_rows)), rules, left_out)
    if not normal:
        left_out.notes.append(
            f"{asset}: all its readings are left out; the model will not know the levels of this asset"
        )
    return normal


def _normal_pieces(pieces: list[Series], rules: _NormalRules, left_out: ExcludedCells) -> list[Series]:
    """The pieces of one asset without what is left out, moved to its newest normal level."""
    if not pieces:  # an asset that ended before the rows that fit into memory
        return []
    definition, sensors = rules.definition, rules.definition.sensors
    first_us, last_us = int(pieces[0].times_us[0]), int(pieces[-1].times_us[-1])
    cells = ((last_us - first_us) // definition.interval_us + 1) * len(sensors)
    left_out.cells += cells
    left_out.by_cause[ExclusionCause.GAP] += cells - known_cells(pieces)
    asset, span = pieces[0].asset, Span(first_us, last_us + 1)
    cuts = excluded_spans(asset, sensors, rules.exclusions, rules.episodes, span, rules.margin_us)
    kept = [part for piece in pieces for part in exclude(piece, cuts, left_out)]
    new_normals = [
        episode
        for episode in rules.episodes
        if episode.asset == asset and episode.accepted_from_us is not None
    ]
    return move_to_new_normal(kept, new_normals, sensors, rules.config.window_rows, left_out)


def _margin_us(definition: StreamDefinition, config: DetectorConfig) -> int:
    return config.window_rows * definition.interval_us
