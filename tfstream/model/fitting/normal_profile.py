"""The profile of normal windows for fitted predictors: memory, bank, usual errors, and fusion of terms."""

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
from tfstream.model.linear.agreement import Agreement, fit_agreement
from tfstream.model.linear.predictors import ClosedForm
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.scoring.bank import Bank, collect
from tfstream.model.scoring.fusion import Fusion, calibrate, relative, smooth
from tfstream.model.scoring.memory import Memory, remember
from tfstream.model.scoring.terms import (
    CHUNK,
    ExcludedNeighbours,
    WindowFeatures,
    compute_error_terms,
    compute_terms,
    compute_usual_errors,
    extract,
    join_features,
    prior_weights,
)

_FAR = 1 << 40

Array = NDArray[np.float64]


class NormalProfile(NamedTuple):
    """The parts of a ``ScoringModel`` that are learnt after the predictors."""

    agreement: Agreement
    memory: Memory
    bank: Bank
    usual_errors: Tensor
    fusion: Fusion


class LocatedWindows(NamedTuple):
    """Windows ``[n, rows, channels]``, and where they are in ``pieces``."""

    windows: Tensor
    pieces: Sequence[TrainingPiece]
    positions: WindowIndex


@dataclass(frozen=True)
class Predictors:
    """The fitted linear predictors and network; ``live [channels]`` is true for the channels that count."""

    linear: ClosedForm
    network: PreparedNetwork
    live: Tensor
    config: DetectorConfig

    @torch.inference_mode()
    def extract(self, windows: Tensor) -> WindowFeatures:
        """The features of all windows ``[n, rows, channels]``, in chunks as in scoring."""
        known = self.live.float().expand(len(windows), -1)
        return join_features(
            [
                extract(
                    windows[at : at + CHUNK], known[at : at + CHUNK], self.network, self.linear, self.config
                )
                for at in range(0, len(windows), CHUNK)
            ]
        )

    @torch.inference_mode()
    def learn_profile(self, learnt: LocatedWindows, held: Values, seed: int) -> NormalProfile:
        """Learn the profile from the training windows; standardised held-out windows are for the self-test.

        :param held: ``[n, rows, channels]``.
        """
        config = self.config
        features = self.extract(learnt.windows)
        usual = compute_usual_errors(features.errors)
        memory, in_memory = remember(
            features.a, features.b, config.memory_size, torch.Generator().manual_seed(seed)
        )
        before = previous_hops(learnt.positions, config.hop_rows)
        bank, in_bank = self._bank(features, usual, learnt.positions)
        neighbours = _neighbours_of(learnt, config.window_rows, in_memory, in_bank)
        terms, expected = self._terms(features, usual, memory, bank, neighbours)
        faulted = term_weights.faulted(held, np.random.default_rng(seed))
        normal, faulty = (self._relative_terms(windows, usual, memory, bank) for windows in (held, faulted))
        weight = self._weight(normal, faulty)
        fusion = calibrate(_smoothed(terms, before, config), expected, weight, len(self.live))
        return NormalProfile(fit_agreement(learnt.windows, held, config), memory, bank, usual, fusion)

    @torch.inference_mode()
    def collect_bank(self, located: LocatedWindows, usual: Tensor) -> Bank:
        """Collect a bank of all windows, the held-out ones too, once the threshold is calibrated."""
        features = self.extract(located.windows)
        return self._bank(features, usual, located.positions)[0]

    def _relative_terms(self, windows: Values, usual: Tensor, memory: Memory, bank: Bank) -> Array:
        """The relative terms of single windows, ``[n, 9]``, without smoothing."""
        return relative(*self._terms(self.extract(torch.from_numpy(windows)), usual, memory, bank))

    def _weight(self, normal: Array, faulty: Array) -> Array:
        weight = np.array(prior_weights(self.config))
        if not self.config.self_test:
            return weight
        return term_weights.weigh_terms(weight, normal, faulty, self.config.self_test_sharpness)

    def _bank(self, features: WindowFeatures, usual: Tensor, index: WindowIndex) -> tuple[Bank, Tensor]:
        """A bank of windows at least half a hop apart, so that near patches come from several occasions."""
        before = previous_hops(index, self.config.hop_rows)
        errors = compute_error_terms(features, usual)[:1].T.numpy().astype(np.float64)  # [n, 1]: V
        smoothed = torch.from_numpy(_smoothed(errors, before, self.config)[:, 0]).float()
        apart = index.start % (self.config.hop_rows // 2) == 0
        spaced = torch.from_numpy(np.flatnonzero(apart | ~apart.any()))
        bank, chosen = collect(features.recent[spaced], smoothed[spaced], self.config.bank_cells)
        return bank, spaced[chosen]

    def _terms(
        self,
        features: WindowFeatures,
        usual: Tensor,
        memory: Memory,
        bank: Bank,
        neighbours: Callable[[slice], ExcludedNeighbours] | None = None,
    ) -> tuple[Array, Array]:
        """The terms ``[n, 9]``, not smoothed, and the expected V ``[n]``."""
        chunks = []
        for at in range(0, len(features.known), CHUNK):
            rows = slice(at, at + CHUNK)
            exclude = neighbours(rows) if neighbours else None
            chunks.append(compute_terms(features.part(rows), usual, memory, bank, self.config, exclude))
        terms, expected = (torch.cat(parts).numpy().astype(np.float64) for parts in zip(*chunks, strict=True))
        return terms, expected


def previous_hops(index: WindowIndex, hop: int) -> NDArray[np.int64]:
    """``[n]``: for every window the index of the window a hop earlier in its piece, -1 for none."""
    key = index.piece * _FAR + index.start  # ascending
    earlier = np.searchsorted(key, key - hop)
    return np.where(key[earlier] == key - hop, earlier, -1)


def _smoothed(terms: Array, before: NDArray[np.int64], config: DetectorConfig) -> Array:
    """Smooth terms ``[n, terms]`` as scoring does; ``before [n]`` is from :func:`previous_hops`."""
    smoothed = terms.copy()
    for i, earlier in enumerate(before.tolist()):
        if earlier >= 0:
            smoothed[i] = smooth(terms[i], smoothed[earlier], config)
    return smoothed


def _neighbours_of(
    learnt: LocatedWindows, rows: int, in_memory: Tensor, in_bank: Tensor
) -> Callable[[slice], ExcludedNeighbours]:
    """Which stored windows are close in time to the windows of a chunk: they must not count for them."""
    series = torch.tensor([learnt.pieces[piece].series for piece in learnt.positions.piece])
    first = torch.tensor([learnt.pieces[piece].first_row for piece in learnt.positions.piece])
    start = first + torch.from_numpy(learnt.positions.start)

    def neighbours(chunk: slice) -> ExcludedNeighbours:
        return ExcludedNeighbours(
            *(_close(series, start, chunk, chosen, rows) for chosen in (in_memory, in_bank))
        )

    return neighbours


def _close(series: Tensor, start: Tensor, chunk: slice, chosen: Tensor, rows: int) -> Tensor:
    same = series[chunk, None] == series[chosen]
    return same & ((start[chunk, None] - start[chosen]).abs() <= rows)
