"""What instruments, witnesses and score say about the windows of a batch, before the alarm rule judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from tfstream.app.detection.asset_update import AssetEvent
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.followed_span import WindowStanding, WitnessVerdict
from tfstream.app.detection.instrument_batch import AssetKey, CheckedBatch, CheckedWindow, InstrumentBatch
from tfstream.app.detection.score_batch import (
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    score_batch,
    scoreable,
)
from tfstream.app.detection.witness_batch import (
    AskedWitnesses,
    StoredWitnesses,
    WitnessBatch,
    WitnessInput,
)
from tfstream.core.alarms.standing_episode import NOTHING_STAYS, Staying
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import WindowReady

Memories = dict[AssetKey, AssetMemory | None]


class HeardWindow(NamedTuple):
    """What all witnesses say about a window; ``scored`` is None between hops and without a live sensor.

    ``staying`` is what the witnesses say about values that stay away from usual.
    """

    checked: CheckedWindow
    scored: WindowScore | None
    verdict: WitnessVerdict | None
    staying: Staying = NOTHING_STAYS


class WindowListener:
    """Asks about windows under one model. Instruments come first: the others see no sensor that is out."""

    def __init__(self, definition: StreamDefinition, champion: Champion) -> None:
        self._champion, self._shape = champion, champion.detector.shape
        self._instruments = InstrumentBatch(definition, champion.detector)
        self._witnesses = WitnessBatch(definition, champion)

    def hear(
        self, batch: Sequence[AssetEvent], *, scored: bool = True
    ) -> tuple[dict[int, HeardWindow], dict[int, dict[str, object]]]:
        """By index what is said of each window, and what the memory keeps after an asset's last window."""
        before: Memories = {}
        last: dict[AssetKey, int] = {}
        windows: dict[int, WitnessInput] = {}
        for index, (partition, memory, event) in enumerate(batch):
            if isinstance(event, WindowReady):
                key = partition, event.asset
                windows[index] = WitnessInput(key, event.window)
                before.setdefault(key, memory)
                last[key] = index
        checked = self._instruments.check(
            list(windows.values()),
            {key: memory.instruments if memory else None for key, memory in before.items()},
        )
        inputs = [
            WitnessInput(each.key, after.window, after.masked)
            for each, after in zip(windows.values(), checked.windows, strict=True)
        ]
        asked = self._witnesses.ask(
            inputs, {key: self._stored_witnesses(memory) for key, memory in before.items()}
        )
        scores = self._score(inputs, checked.windows, before, asked.standing) if scored else {}
        heard = {
            index: HeardWindow(
                _beside_shifts(each, asked.standing.get(number)),
                scores.get(number),
                None if each.settling else asked.verdicts.get(number),
                asked.standing[number].staying if number in asked.standing else NOTHING_STAYS,
            )
            for number, (index, each) in enumerate(zip(windows, checked.windows, strict=True))
        }
        return heard, {index: self._kept(key, checked, asked) for key, index in last.items()}

    def own_memory(self, memory: AssetMemory | None, asset: str) -> AssetMemory:
        """The asset's memory under this model: scores of another model cannot be compared with its scores."""
        version = self._champion.version
        if memory is not None and memory.model_version == version:
            return memory
        baseline = self._champion.detector.calibration.initial_baseline(asset)
        if memory is None:
            return AssetMemory(model_version=version, baseline=baseline)
        return msgspec.structs.replace(
            memory, model_version=version, baseline=baseline, terms=None, terms_index=-1
        )

    def _kept(self, key: AssetKey, checked: CheckedBatch, asked: AskedWitnesses) -> dict[str, object]:
        """The fields of an asset's memory that instruments and witnesses have changed."""
        fields: dict[str, object] = {"instruments": checked.memories[key]}
        stored = asked.stored.get(key)
        if stored is None:
            return fields
        version = self._champion.version
        return fields | {
            "witnesses": stored.data,
            "witness_index": stored.end_index,
            "witness_version": version,
            "shifts": stored.levels,
        }

    def _stored_witnesses(self, memory: AssetMemory | None) -> StoredWitnesses | None:
        if memory is None or memory.witnesses is None:
            return None
        same_model = memory.witness_version == self._champion.version
        return StoredWitnesses(memory.witnesses, memory.witness_index, same_model, memory.shifts)

    def _score(
        self,
        windows: Sequence[WitnessInput],
        checked: Sequence[CheckedWindow],
        before: Memories,
        standing: Mapping[int, WindowStanding],
    ) -> dict[int, WindowScore]:
        """Scores by number of the window; windows without a reading of a live sensor have none.

        A window with a shift that stands is scored as it would be without the shift.
        """
        detector = self._champion.detector
        inputs = {
            number: ScoringInput(
                *key,
                window,
                _terms(self.own_memory(before[key], key[1])),
                checked[number].restarts,
                standing[number].shifts if number in standing else (),
            )
            for number, (key, window, _) in enumerate(windows)
            if self._shape.ends_hop(window.end_index) and scoreable(window.values, detector)
        }
        return dict(zip(inputs, score_batch(detector, list(inputs.values())), strict=True))


def _terms(memory: AssetMemory) -> SmoothedTerms | None:
    return None if memory.terms is None else SmoothedTerms(memory.terms_index, memory.terms)


def _beside_shifts(checked: CheckedWindow, standing: WindowStanding | None) -> CheckedWindow:
    """The window without findings about sensors that are known to stand at other levels.

    Limits of a sensor were learnt at its usual level: beside a shift it would leave them again and again.
    """
    shifted = set() if standing is None else standing.shifted
    if not shifted:
        return checked
    out, unusual = (
        None if each is None or each.follows_from(shifted) else each
        for each in (checked.out, checked.unusual)
    )
    return checked._replace(out=out, unusual=unusual)
