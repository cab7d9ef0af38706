"""Advances the witnesses of many assets by their newest rows: from readings to the values of all statistics.

Every number is the same, bit for bit, however the rows are divided into batches: products have a fixed size,
and exponential means follow row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from tfstream.core.alarms.standing_levels import LevelShift
from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.model.numerics.threads import one_thread
from tfstream.model.witnesses.asset_scales import AssetScales
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.grid_step import GridRows, GridStep
from tfstream.model.witnesses.next_grid import EnteringRows, next_grid_rows
from tfstream.model.witnesses.rounds import Rounds
from tfstream.model.witnesses.witness_state import StoredState, WitnessStates


class NewRows(NamedTuple):
    """An asset's rows ``[n, sensors]`` in its sensors' units, NaN where missing, up to row ``end_index``.

    ``state`` is that of the asset before them, None for a new asset or after a gap. The statistics compare
    the rows as they would be without the ``shifts``.
    """

    asset: str
    state: StoredState | None
    values: Values
    end_index: int
    shifts: tuple[LevelShift, ...] = ()


class AdvancedAssets(NamedTuple):
    """``states`` of the assets after their new rows, and what each grid computed, in the pyramid's order.

    ``grids`` has no grid beyond the first one of which no asset completed a row.
    """

    states: WitnessStates
    grids: tuple[GridRows, ...]


@one_thread()
@torch.inference_mode()
def advance(grids: Sequence[GridModel], scaler: Scaler, batch: Sequence[NewRows]) -> AdvancedAssets:
    """Advance every asset of a batch by its new rows, of which each has at least one.

    An asset must be in the batch only once.
    """
    states = WitnessStates(
        [grid.rows for grid in grids], batch[0].values.shape[1], [rows.state for rows in batch]
    )
    scales = AssetScales(scaler, [rows.asset for rows in batch])
    shifts = {number: rows.shifts for number, rows in enumerate(batch) if rows.shifts}
    entering = _stream_rows(batch)
    computed = []
    for grid, grid_states in zip(grids, states.grids, strict=True):
        step = GridStep(grid, scales, grid_states, entering, shifts)
        computed.append(step.compute())
        completed = next_grid_rows(grid.rows, step.entered, grid_states)
        if completed is None:
            break
        entering = completed
    return AdvancedAssets(states, tuple(computed))


def _stream_rows(batch: Sequence[NewRows]) -> EnteringRows:
    counts = np.array([len(rows.values) for rows in batch], dtype=np.int64)
    assets = np.argsort(-counts, kind="stable")
    rounds = Rounds(counts[assets])
    values = rounds.arrange([batch[asset].values for asset in assets.tolist()])
    last = np.array([rows.end_index for rows in batch], dtype=np.int64)[assets]
    ends = (last + 1 - rounds.counts)[rounds.asset] + rounds.number
    return EnteringRows(assets, rounds, values, ends)
