"""Which stored readings a refit learns from: the normal ones, on the regular grid.

This module reads the readings, exclusions and episodes of a stream. The rule that says which rows are normal
is :mod:`tfstream.core.learning.normal_rows`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from tfstream.app.training.alignment import aligned_pieces
from tfstream.app.training.normal_pieces import NormalRules, margin_us, normal_pieces
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.exclude import ExcludedCells
from tfstream.core.learning.memory_limit import memory_limit
from tfstream.core.reading import Series
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.storage import exclusions, readings, training_episodes
from tfstream.storage.database import Connection
from tfstream.storage.streams import StreamRecord

Report = Callable[[str, float], None]


class NormalData(NamedTuple):
    """Unbroken pieces of assets, and what was left out of the stored readings.

    ``judged`` are the spans of each asset in which somebody has said that there was no fault.
    """

    series: list[Series]
    left_out: ExcludedCells
    judged: dict[str, list[Span]]


@dataclass(frozen=True, kw_only=True)
class _SpanLimits:
    """The span to read: as asked for, None is open, and its ``first_us`` and ``last_us`` in the database."""

    since_us: int | None
    until_us: int | None
    first_us: int
    last_us: int


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
        return NormalData([], left_out, {})
    limits = _span_limits(options, stored)
    names, limits = _within_memory(names, stream.definition, limits, left_out)
    rules = _read_rules(connection, stream, options.config, limits)
    series: list[Series] = []
    for done, asset in enumerate(names):
        report("read", done / len(names))
        series += _read_asset(connection, stream, asset, limits, rules, left_out)
    report("read", 1.0)
    return NormalData(series, left_out, _judged(rules))


def _judged(rules: NormalRules) -> dict[str, list[Span]]:
    judged: dict[str, list[Span]] = {}
    for episode in rules.episodes:
        if episode.judged_normal is not None:
            judged.setdefault(episode.asset, []).append(episode.judged_normal)
    return judged


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
            f"refits learn from {len(limit.assets)} of {len(names)} assets: more would not fit into memory"
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
) -> NormalRules:
    margin = margin_us(stream.definition, config)
    stored = exclusions.list_all(connection, topic=stream.definition.topic)
    return NormalRules(
        definition=stream.definition,
        config=config,
        exclusions=[row.exclusion for row in stored if row.no_learn],
        episodes=training_episodes.read(
            connection,
            stream,
            None if limits.since_us is None else limits.first_us - margin,
            None if limits.until_us is None else limits.last_us + margin,
        ),
    )


def _read_asset(
    connection: Connection,
    stream: StreamRecord,
    asset: str,
    limits: _SpanLimits,
    rules: NormalRules,
    left_out: ExcludedCells,
) -> list[Series]:
    definition, hop_rows = stream.definition, rules.config.hop_rows
    width = len(definition.sensors)
    stored = readings.read(connection, stream.id, asset, limits.since_us, limits.until_us, width)
    normal = normal_pieces(list(aligned_pieces(stored, definition, hop_rows)), rules, left_out)
    if not normal:
        left_out.notes.append(
            f"{asset}: all its readings are left out; the model will not know the levels of this asset"
        )
    return normal
