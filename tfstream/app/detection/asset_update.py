"""What goes into an :class:`EpisodeTracker` and what comes out, for each event of an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tfstream.app.detection.score_batch import WindowScore
from tfstream.core.alarms.episode import EpisodeEvent
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.state import AssetMemory
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.partition_tracks import TrackEvent

if TYPE_CHECKING:  # torch takes two seconds to import, and most commands do not need it
    from tfstream.app.detection.witness_batch import WitnessVerdict


class AssetEvent(NamedTuple):
    """A track event of a partition, and what is kept of its asset from before the batch."""

    partition: int
    memory: AssetMemory | None
    event: TrackEvent


class ScoredWindow(NamedTuple):
    """A window, and the asset's memory before and after it.

    ``missing`` are the live sensors without a reading in the newest hop. If all live sensors are missing,
    ``scored`` and ``judgement`` are None. ``judgement`` is the loudest of all witnesses, the score among
    them; ``verdict`` is that of the loudest witness beside the score, None where none of them speaks.
    """

    window: Window
    missing: tuple[str, ...]
    scored: WindowScore | None
    judgement: Judgement | None
    before: AssetMemory
    after: AssetMemory
    verdict: WitnessVerdict | None = None


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
