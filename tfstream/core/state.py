"""What is kept of a partition between commits: small state; the windows are read again from the log."""

from __future__ import annotations

import msgspec

from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.episode import Episode
from tfstream.core.messages.dead_letter_limit import DeadLetterTally
from tfstream.core.windowing.asset_track import TrackState

HEAD_KEY = b"\x00partition"  # cannot be an asset: their names are printable


class AssetMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What judging an asset's next window needs of the ones before."""

    model_version: int
    baseline: Baseline
    terms: tuple[float, ...] | None = None  # the smoothed error terms of the last window
    terms_index: int = -1  # the last row of that window
    episode: Episode | None = None  # pending or open
    silence: Episode | None = None


class AssetState(msgspec.Struct, frozen=True, kw_only=True):
    """One record of ``<topic>.state``, keyed by the asset."""

    version: int = 1
    track: TrackState
    silent: bool
    memory: AssetMemory | None


class PartitionHead(msgspec.Struct, frozen=True, kw_only=True):
    """The record of the state topic that says which commit the others belong to.

    ``offset`` is the next source offset to read live. It is written in the same transaction as the consumer
    group's offset: a reader that finds them unequal has not yet seen the whole state, or the group was reset.
    Rows are counted in units of ``interval_us``: under another interval the state says nothing. ``topic_id``
    is the broker's: a topic that was deleted and made anew has another, and its offsets mean other messages.
    ``group`` is the consumer group that the state belongs to; heads of older versions name none and are
    anybody's.
    """

    version: int = 1
    offset: int
    clock_us: int
    model_version: int
    interval_us: int = 0
    topic_id: str = ""
    group: str = ""
    dead_letters: DeadLetterTally = msgspec.field(default_factory=DeadLetterTally)


class RewindMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The metadata of a committed offset.

    ``rw`` is the oldest offset that a live window still needs, ``m`` the model's version, ``n`` how many
    partitions the topic had when the group began: 0, in commits of older versions, is unknown. ``dl`` is true
    where the partition stands at its dead-letter limit, for who looks from outside, and absent elsewhere.
    """

    v: int = 1
    rw: int
    m: int
    n: int = 0
    dl: bool | msgspec.UnsetType = msgspec.UNSET


def encode(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value)


def decode_asset(value: bytes) -> AssetState:
    """:raises msgspec.DecodeError: when the bytes are no such state."""
    return msgspec.json.decode(value, type=AssetState)


def decode_head(value: bytes) -> PartitionHead:
    """:raises msgspec.DecodeError: when the bytes are no such head."""
    return msgspec.json.decode(value, type=PartitionHead)


def decode_metadata(text: str) -> RewindMetadata | None:
    """A committed offset's metadata; None when it is absent or somebody else's."""
    try:
        return msgspec.json.decode(text, type=RewindMetadata)
    except (msgspec.DecodeError, ValueError):
        return None
