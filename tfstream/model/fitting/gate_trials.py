"""Trials for the promotion gate: faults in held-out normal rows, of a size that a plain VAR half detects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.faults import gate_faults
from tfstream.core.faults.gate_faults import BEFORE_ROWS, TRIAL_ROWS
from tfstream.core.instruments.counters import find_counters
from tfstream.core.learning.held_out import HeldOut, HeldOutPiece
from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.reference_var import ReferenceVar, auc, mediocre_amount
from tfstream.model.numerics.threads import one_thread

TRIALS_PER_KIND = 64
_LEAST_SITES = 4
_LEAST_KNOWN = 0.5  # of the cells of a site
_MOST_SITES = 1024  # normal sites that the reference VAR scores

Array = NDArray[np.float64]


class TrialSite(NamedTuple):
    """The ``TRIAL_ROWS`` rows from ``start`` on, of the held-out piece with index ``piece``."""

    piece: int
    start: int


class Trial(NamedTuple):
    """A fault at a site: ``shown [TRIAL_ROWS, sensors]`` replaces the readings, in the sensors' own units."""

    kind: str
    amount: float
    site: TrialSite
    shown: Values


def trial_sites(pieces: Sequence[HeldOutPiece], hop: int) -> list[TrialSite]:
    """The sites where a fault can begin: every hop of the held-out rows with enough rows before and after."""
    return [TrialSite(number, start) for number, piece in enumerate(pieces) for start in _starts(piece, hop)]


def _starts(piece: HeldOutPiece, hop: int) -> Iterator[int]:
    values = piece.series.values
    first = max(piece.first_row, BEFORE_ROWS)
    for start in range(first + -first % hop, len(values) - TRIAL_ROWS + 1, hop):
        if np.isfinite(values[start - BEFORE_ROWS : start + TRIAL_ROWS]).mean() >= _LEAST_KNOWN:
            yield start


@one_thread()
def prepare(held: HeldOut, config: DetectorConfig, seed: int) -> list[Trial]:
    """Prepare ``TRIALS_PER_KIND`` faults of every kind that the stream's sensors can show.

    Empty if the held-out rows have too few sites. The same rows and seed give the same trials.
    """
    sites = trial_sites(held.pieces, config.hop_rows)
    if len(sites) < _LEAST_SITES:
        return []
    maker = _TrialMaker(held, sites, config, seed)
    sensors = held.pieces[0].series.values.shape[1]
    return [trial for name in gate_faults.kinds_for(sensors) for trial in maker.trials(name)]


class _TrialMaker:
    """Makes the trials, kind by kind."""

    def __init__(self, held: HeldOut, sites: Sequence[TrialSite], config: DetectorConfig, seed: int) -> None:
        self._pieces, self._sites = held.pieces, sites
        self._config, self._seed = config, seed
        self._scaler = Scaler.fit(held.learn)
        self._scaled = [
            self._scaler.transform(piece.series.values[None], [piece.series.asset])[0]
            for piece in held.pieces
        ]
        counters = list(find_counters(held.learn))
        for scaled in self._scaled:
            scaled[:, counters] = np.nan  # a counter's level says nothing: it gets no fault
        self._reference = ReferenceVar.fit(held.learn, self._scaler, config, seed)
        step = -(-len(sites) // _MOST_SITES)
        self._normal = self._reference_scores([self._rows(site) for site in sites[::step]])

    def trials(self, name: str) -> list[Trial]:
        """Trials of a kind at random sites; the random draws of a trial do not depend on the amount."""
        kind = list(gate_faults.KINDS).index(name)
        chosen = np.random.default_rng([self._seed, kind]).integers(len(self._sites), size=TRIALS_PER_KIND)
        sites = [self._sites[number] for number in chosen]

        def shown(amount: float) -> list[Values]:
            draws = (np.random.default_rng([self._seed, kind, number]) for number in range(TRIALS_PER_KIND))
            return [
                gate_faults.make_fault(name, self._rows(site), amount, rng)
                for site, rng in zip(sites, draws, strict=True)
            ]

        def auc_of(amount: float) -> float:
            rows = [self._rows(site) for site in sites]
            for site_rows, part in zip(rows, shown(amount), strict=True):
                site_rows[-TRIAL_ROWS:] = part
            return auc(self._normal, self._reference_scores(rows))

        amount = mediocre_amount(auc_of, gate_faults.KINDS[name].most)
        return [
            Trial(name, amount, site, self._own_units(site, part))
            for site, part in zip(sites, shown(amount), strict=True)
        ]

    def _rows(self, site: TrialSite) -> Values:
        """A site and the rows before it, in standard units: ``[BEFORE_ROWS + TRIAL_ROWS, sensors]``."""
        return self._scaled[site.piece][site.start - BEFORE_ROWS : site.start + TRIAL_ROWS].copy()

    def _reference_scores(self, rows: Sequence[Values]) -> Array:
        """The largest error of the reference VAR over the hops of each site: ``[sites]``."""
        size, hop = self._config.window_rows, self._config.hop_rows
        stacked = np.nan_to_num(np.stack(rows))  # [sites, rows, sensors]
        ends = range(BEFORE_ROWS + hop, BEFORE_ROWS + TRIAL_ROWS + 1, hop)
        return np.max([self._reference.errors(stacked[:, end - size : end].copy()) for end in ends], axis=0)

    def _own_units(self, site: TrialSite, shown: Values) -> Values:
        """Convert back to the sensors' own units; cells without the fault keep their value, bit for bit."""
        series = self._pieces[site.piece].series
        rows = slice(site.start, site.start + TRIAL_ROWS)
        changed = np.isfinite(shown) & (shown != self._scaled[site.piece][rows])
        return np.where(changed, self._scaler.inverse(shown, [series.asset]), series.values[rows])
