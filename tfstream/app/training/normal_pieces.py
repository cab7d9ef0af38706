"""The normal rows of one asset: its readings on the grid, without what a refit leaves out.

The rule that says which rows are normal is :mod:`tfstream.core.learning.normal_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfstream.core.learning.exclude import ExcludedCells, exclude, known_cells
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.new_normal import move_to_new_normal
from tfstream.core.learning.normal_rows import ExclusionCause, TrainingEpisode, excluded_spans
from tfstream.core.reading import Series
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig


@dataclass(frozen=True, kw_only=True)
class NormalRules:
    """What decides which readings of a stream are normal: its exclusions and episodes."""

    definition: StreamDefinition
    config: DetectorConfig
    exclusions: Sequence[Exclusion]
    episodes: Sequence[TrainingEpisode]

    @property
    def margin_us(self) -> int:
        """A window's rows: this long before and after an episode, readings may still be abnormal."""
        return margin_us(self.definition, self.config)


def margin_us(definition: StreamDefinition, config: DetectorConfig) -> int:
    """The duration of a window's rows, in microseconds."""
    return config.window_rows * definition.interval_us


def normal_pieces(pieces: list[Series], rules: NormalRules, left_out: ExcludedCells) -> list[Series]:
    """The pieces of one asset without what is left out, moved to its newest normal level.

    Changes the pieces in place, and adds to the counts of ``left_out``.
    """
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
