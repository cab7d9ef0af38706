"""What goes into the episode tracker and what comes out: an asset's memory, its windows and its events."""

from __future__ import annotations

from typing import NamedTuple

from tfstream.app.detection.score_batch import WindowScore
from tfstream.core.alarms.episode import EpisodeEvent
from tfstream.core.alarms.hop_evidence import HopEvidence, NoEvidence
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.state import AssetMemory
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.partition_tracks import TrackEvent


class AssetEvent(NamedTuple):
    """A track event of a partition, and what is kept of its asset from before the batch."""

    partition: int
    memory: AssetMemory | None
    event: TrackEvent


class ScoredWindow(NamedTuple):
    """A window, and the asset's memory before and after it.

    ``missing`` are the live sensors without a reading in the newest hop, ``out`` the sensors that the checks
    of instruments have left out. If no live sensor remains, ``scored`` and ``judgement`` are None.
    ``judgement`` is the loudest of all witnesses, the score among them, and ``evidence`` is that of its
    witness. ``instruments`` is the judgement about sensors that are out in the newest rows, None without
    such.
    """

    window: Window
    missing: tuple[str, ...]
    scored: WindowScore | None
    judgement: Judgement | None
    before: AssetMemory
    after: AssetMemory
    out: tuple[str, ...] = ()
    instruments: Judgement | None = None
    evidence: HopEvidence = NoEvidence()

    @property
    def masked(self) -> tuple[str, ...]:
        """The sensors that the score leaves out."""
        return tuple(dict.fromkeys((*self.missing, *self.out)))

    @property
    def opens_episode(self) -> bool:
        """Whether an episode of the process or of instruments begins in this window."""
        before, after = self.before, self.after
        process = after.episode is not None and not after.episode.pending
        process_before = before.episode is not None and not before.episode.pending
        instruments = after.instrument_episode is not None and before.instrument_episode is None
        return (process and not process_before) or instruments


class AssetUpdate(NamedTuple):
    """What a track event changes: the asset's memory, None once the asset is forgotten, and events to write.

    ``window`` belongs to the event :class:`WindowReady` alone, and only at the end of a hop. ``between_hops``
    is a window between two hops in which a witness speaks: it has no score.
    """

    asset: str
    memory: AssetMemory | None
    events: tuple[EpisodeEvent, ...] = ()
    window: ScoredWindow | None = None
    between_hops: ScoredWindow | None = None
