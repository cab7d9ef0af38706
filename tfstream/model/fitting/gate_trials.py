"""Faults put into held-out normal rows, of a size at which a plain VAR is mediocre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.faults import gate_faults
from tfstream.core.faults.gate_faults import BEFORE_ROWS, TRIAL_ROWS
from tfstream.core.learning.held_out import HeldOut, Recent
from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.reference_var import ReferenceVar, auc, mediocre_amount
from tfstream.model.numerics.threads import one_thread

EACH = 64  # faults of every kind
_LEAST_PLACES = 4
_LEAST_KNOWN = 0.5  # of the cells of a place
_MOST_PLACES = 1024  # that the VAR is asked about

Array = NDArray[np.float64]


class TrialSite(NamedTuple):
    """``TRIAL_ROWS`` from ``start`` on of the piece of this number."""

    piece: int
    start: int


class Trial(NamedTuple):
    """``shown [TRIAL_ROWS, sensors]``, in the sensors' own units, instead of what was read at a place."""

    kind: str
    amount: float
    place: TrialSite
    shown: Values


def trial_sites(recent: Sequence[Recent], hop: int) -> list[TrialSite]:
    """Where a fault can begin: at every hop of the held-out rows that has enough before and after it."""
    return [TrialSite(number, start) for number, one in enumerate(recent) for start in _starts(one, hop)]


def _starts(one: Recent, hop: int) -> Iterator[int]:
    values = one.series.values
    first = max(one.first_row, BEFORE_ROWS)
    for start in range(first + -first % hop, len(values) - TRIAL_ROWS + 1, hop):
        if np.isfinite(values[start - BEFORE_ROWS : start + TRIAL_ROWS]).mean() >= _LEAST_KNOWN:
            yield start


@one_thread()
def prepare(held: HeldOut, config: DetectorConfig, seed: int) -> list[Trial]:
    """So many faults of every kind that the stream's sensors can show; none where there is no room for them.

    The same rows and seed give the same trials.
    """
    found = trial_sites(held.recent, config.hop_rows)
    if len(found) < _LEAST_PLACES:
        return []
    exam = _Exam(held, found, config, seed)
    sensors = held.recent[0].series.values.shape[1]
    return [trial for name in gate_faults.kinds_for(sensors) for trial in exam.trials(name)]


class _Exam:
    """Makes the trials of one kind after the other."""

    def __init__(self, held: HeldOut, found: Sequence[TrialSite], config: DetectorConfig, seed: int) -> None:
        self._recent, self._places = held.recent, found
        self._config, self._seed = config, seed
        self._scaler = Scaler.fit(held.learn)
        self._scaled = [
            self._scaler.transform(one.series.values[None], [one.series.asset])[0] for one in held.recent
        ]
        self._yardstick = ReferenceVar.fit(held.learn, self._scaler, config, seed)
        step = -(-len(found) // _MOST_PLACES)
        self._normal = self._asked([self._rows(place) for place in found[::step]])

    def trials(self, name: str) -> list[Trial]:
        """At random places; each with draws of its own that do not depend on the amount."""
        kind = list(gate_faults.KINDS).index(name)
        chosen = np.random.default_rng([self._seed, kind]).integers(len(self._places), size=EACH)
        at = [self._places[number] for number in chosen]

        def shown(amount: float) -> list[Values]:
            draws = (np.random.default_rng([self._seed, kind, number]) for number in range(EACH))
            return [
                gate_faults.make(name, self._rows(place), amount, rng)
                for place, rng in zip(at, draws, strict=True)
            ]

        def auc_of(amount: float) -> float:
            rows = [self._rows(place) for place in at]
            for one, part in zip(rows, shown(amount), strict=True):
                one[-TRIAL_ROWS:] = part
            return auc(self._normal, self._asked(rows))

        amount = mediocre_amount(auc_of, gate_faults.KINDS[name].most)
        return [
            Trial(name, amount, place, self._own_units(place, part))
            for place, part in zip(at, shown(amount), strict=True)
        ]

    def _rows(self, place: TrialSite) -> Values:
        """A place with what lies before it, standard units: ``[BEFORE_ROWS + TRIAL_ROWS, sensors]``."""
        return self._scaled[place.piece][place.start - BEFORE_ROWS : place.start + TRIAL_ROWS].copy()

    def _asked(self, rows: Sequence[Values]) -> Array:
        """The largest of the VAR's errors over the hops of each place."""
        size, hop = self._config.window_rows, self._config.hop_rows
        stacked = np.nan_to_num(np.stack(rows))
        ends = range(BEFORE_ROWS + hop, BEFORE_ROWS + TRIAL_ROWS + 1, hop)
        return np.max([self._yardstick.errors(stacked[:, end - size : end].copy()) for end in ends], axis=0)

    def _own_units(self, place: TrialSite, shown: Values) -> Values:
        """Cells that the fault did not touch stay what they were, to the last bit."""
        one = self._recent[place.piece].series
        truth = one.values[place.start : place.start + TRIAL_ROWS]
        scaled = self._scaled[place.piece][place.start : place.start + TRIAL_ROWS]
        changed = np.isfinite(shown) & (shown != scaled)
        return np.where(changed, self._scaler.inverse(shown, [one.asset]), truth)
