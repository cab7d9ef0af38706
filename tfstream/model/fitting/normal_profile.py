"""What normal windows look like to the fitted predictors: memory, bank, error sizes, and how terms lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting import term_weights
from tfstream.model.fitting.training_windows import TrainingPiece, WindowIndex
from tfstream.model.linear import agreement
from tfstream.model.linear.agreement import Agreement
from tfstream.model.linear.predictors import ClosedForm
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.scoring.bank import Bank, collect
from tfstream.model.scoring.fusion import Fusion, calibrated, follow, relative
from tfstream.model.scoring.memory import Memory, remember
from tfstream.model.scoring.terms import (
    CHUNK,
    ExcludedNeighbours,
    WindowFeatures,
    all_terms,
    error_terms,
    extract,
    joined,
    prior,
    usual_errors,
)

_FAR = 1 << 40

Array = NDArray[np.float64]


class NormalProfile(NamedTuple):
    """``usual_errors [5, channels]``: see ``ScoringModel``."""

    agreement: Agreement
    memory: Memory
    bank: Bank
    usual_errors: Tensor
    fusion: Fusion


class LocatedWindows(NamedTuple):
    """Windows ``[n, rows, channels]`` and where they lie in ``pieces``."""

    windows: Tensor
    pieces: Sequence[TrainingPiece]
    places: WindowIndex


@dataclass(frozen=True)
class Predictors:
    """Stage 0 and the network, fitted; ``live [channels]`` tells which channels count."""

    linear: ClosedForm
    network: PreparedNetwork
    live: Tensor
    config: DetectorConfig

    @torch.inference_mode()
    def look(self, windows: Tensor) -> WindowFeatures:
        """All windows, in chunks as in scoring."""
        known = self.live.float().expand(len(windows), -1)
        return joined(
            [
                extract(
                    windows[at : at + CHUNK], known[at : at + CHUNK], self.network, self.linear, self.config
                )
                for at in range(0, len(windows), CHUNK)
            ]
        )

    @torch.inference_mode()
    def learn(self, learnt: LocatedWindows, held: Values, seed: int) -> NormalProfile:
        """From the windows that were learnt from, and standardised ones that were not, for the self-test."""
        config = self.config
        looked = self.look(learnt.windows)
        usual = usual_errors(looked.errors)
        memory, in_memory = remember(
            looked.a, looked.b, config.memory_size, torch.Generator().manual_seed(seed)
        )
        before = predecessors(learnt.places, config.hop_rows)
        bank, in_bank = self._bank(looked, usual, learnt.places)
        near = _near(learnt, config.window_rows, in_memory, in_bank)
        terms, expected = self._terms(looked, usual, memory, bank, near)
        faulted = term_weights.faulted(held, np.random.default_rng(seed))
        normal, faulty = (self._tried(windows, usual, memory, bank) for windows in (held, faulted))
        fusion = calibrated(_followed(terms, before, config), expected, self._weight(normal, faulty))
        return NormalProfile(agreement.learn(learnt.windows, held, config), memory, bank, usual, fusion)

    @torch.inference_mode()
    def remember_all(self, seen: LocatedWindows, usual: Tensor) -> Bank:
        """A bank with the windows that were held out, too, once the threshold is calibrated."""
        looked = self.look(seen.windows)
        return self._bank(looked, usual, seen.places)[0]

    def _tried(self, windows: Values, usual: Tensor, memory: Memory, bank: Bank) -> Array:
        """Relative terms of single windows, ``[n, 9]``."""
        return relative(*self._terms(self.look(torch.from_numpy(windows)), usual, memory, bank))

    def _weight(self, normal: Array, faulty: Array) -> Array:
        weight = np.array(prior(self.config))
        if not self.config.self_test:
            return weight
        return term_weights.term_weights(weight, normal, faulty, self.config.self_test_sharpness)

    def _bank(self, looked: WindowFeatures, usual: Tensor, places: WindowIndex) -> tuple[Bank, Tensor]:
        """Half a hop apart at least: the four nearest patches should be four occasions, not one."""
        before = predecessors(places, self.config.hop_rows)
        errors = error_terms(looked, usual)[:1].T.numpy().astype(np.float64)  # [n, 1]: V
        smoothed = torch.from_numpy(_followed(errors, before, self.config)[:, 0]).float()
        apart = places.start % (self.config.hop_rows // 2) == 0
        spaced = torch.from_numpy(np.flatnonzero(apart | ~apart.any()))
        bank, chosen = collect(looked.recent[spaced], smoothed[spaced], self.config.bank_cells)
        return bank, spaced[chosen]

    def _terms(
        self,
        looked: WindowFeatures,
        usual: Tensor,
        memory: Memory,
        bank: Bank,
        near: Callable[[slice], ExcludedNeighbours] | None = None,
    ) -> tuple[Array, Array]:
        """Raw terms ``[n, 9]`` and what V is expected to be ``[n]``."""
        found = []
        for at in range(0, len(looked.known), CHUNK):
            rows = slice(at, at + CHUNK)
            exclude = near(rows) if near else None
            found.append(all_terms(looked.part(rows), usual, memory, bank, self.config, exclude))
        terms, expected = (torch.cat(parts).numpy().astype(np.float64) for parts in zip(*found, strict=True))
        return terms, expected


def predecessors(places: WindowIndex, hop: int) -> NDArray[np.int64]:
    """``[n]``: for every window the one of its piece that ended a hop earlier, -1 for none."""
    key = places.piece * _FAR + places.start  # ascending
    found = np.searchsorted(key, key - hop)
    return np.where(key[found] == key - hop, found, -1)


def _followed(terms: Array, before: NDArray[np.int64], config: DetectorConfig) -> Array:
    """Smoothed terms ``[n, terms]`` as scoring smooths them."""
    smoothed = terms.copy()
    for i, earlier in enumerate(before.tolist()):
        if earlier >= 0:
            smoothed[i] = follow(terms[i], smoothed[earlier], config)
    return smoothed


def _near(
    learnt: LocatedWindows, rows: int, in_memory: Tensor, in_bank: Tensor
) -> Callable[[slice], ExcludedNeighbours]:
    """Which remembered windows overlap a training window or its neighbourhood: they must not count for it."""
    series = torch.tensor([learnt.pieces[piece].series for piece in learnt.places.piece])
    first = torch.tensor([learnt.pieces[piece].first_row for piece in learnt.places.piece])
    start = first + torch.from_numpy(learnt.places.start)

    def near(chunk: slice) -> ExcludedNeighbours:
        return ExcludedNeighbours(
            *(_close(series, start, chunk, chosen, rows) for chosen in (in_memory, in_bank))
        )

    return near


def _close(series: Tensor, start: Tensor, chunk: slice, chosen: Tensor, rows: int) -> Tensor:
    same = series[chunk, None] == series[chosen]
    return same & ((start[chunk, None] - start[chosen]).abs() <= rows)
