"""The state that a commit stores of a partition; the windows are read again from the log."""

from __future__ import annotations

import msgspec

from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.high_score import HighScore
from tfstream.core.alarms.standing_levels import StandingLevels
from tfstream.core.instruments.instrument_memory import InstrumentMemory
from tfstream.core.messages.dead_letter_limit import DeadLetterTally
from tfstream.core.windowing.asset_track import TrackState

HEAD_KEY = b"\x00partition"  # never the key of an asset: asset names are printable
_WITNESS_SUFFIX = b"\x00witnesses"


class AssetMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What the score and the episode of an asset's next window need from the windows before."""

    model_version: int
    baseline: Baseline
    terms: tuple[float, ...] | None = None  # the smoothed error terms of the last window
    terms_index: int = -1  # the last row of that window
    episode: Episode | None = None  # pending or open
    standing: tuple[Episode, ...] = ()  # alarms whose shift stays, the first one first
    high_score: HighScore | None = None  # of a score that stays high
    instrument_episode: Episode | None = None  # of sensors that are out
    silence: Episode | None = None
    instruments: InstrumentMemory | None = None
    witnesses: bytes | None = None  # what the witnesses keep: see model/witnesses/witness_state.py
    witness_index: int = -1  # the last row that the witnesses have seen
    witness_version: int = -1  # the model under which they have seen it
    shifts: StandingLevels | None = None  # what the witnesses remember of values that stay high


def witness_key(asset: str) -> bytes:
    """The key of the record of an asset's witnesses.

    What they keep is large and changes only with a window, so that the record of the asset, which changes
    with every message, does not hold it. Both are written in the same transaction.
    """
    return asset.encode() + _WITNESS_SUFFIX


def is_asset_key(key: bytes) -> bool:
    """Whether a record of the state topic is that of an asset: neither a head nor an asset's witnesses."""
    return key != HEAD_KEY and not key.endswith(_WITNESS_SUFFIX)


def without_witnesses(memory: AssetMemory | None) -> AssetMemory | None:
    """The memory as the asset's record holds it: ``witness_index`` says that there are witnesses."""
    return None if memory is None else msgspec.structs.replace(memory, witnesses=None)


def with_witnesses(state: AssetState, stored: bytes | None) -> AssetState:
    """The state with what its witnesses keep; states of older versions hold it themselves."""
    memory = state.memory
    if memory is None or stored is None or memory.witness_index < 0:
        return state
    return msgspec.structs.replace(state, memory=msgspec.structs.replace(memory, witnesses=stored))


class AssetState(msgspec.Struct, frozen=True, kw_only=True):
    """One record of ``<topic>.state``, keyed by the asset; its witnesses have a record of their own."""

    version: int = 1
    track: TrackState
    silent: bool
    memory: AssetMemory | None


class PartitionHead(msgspec.Struct, frozen=True, kw_only=True):
    """The record of the state topic that names the commit of the other records.

    ``offset`` is the next source offset to read live. The transaction that writes it also commits the
    consumer group's offset. If they differ, the reader has not seen the whole state yet, or the group was
    reset. Rows are counted in units of ``interval_us``; under another interval the state has no meaning.
    ``topic_id`` is the broker's id: a topic that is deleted and created again gets another id, and its
    offsets mean other messages. ``group`` is the consumer group that owns the state; heads of older versions
    name no group and belong to any.
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

    ``rewind_offset`` is the oldest offset that a window needs. ``partitions_at_first`` is the number of the
    topic's partitions when the group began; 0, in commits of older versions, is unknown.
    ``at_dead_letter_limit`` is true while the partition is stopped at its limit, for readers outside the
    scorer, else absent. The names in Kafka are short: a broker limits the length of metadata.
    """

    version: int = msgspec.field(name="v", default=1)
    rewind_offset: int = msgspec.field(name="rw")
    model_version: int = msgspec.field(name="m")
    partitions_at_first: int = msgspec.field(name="n", default=0)
    at_dead_letter_limit: bool | msgspec.UnsetType = msgspec.field(name="dl", default=msgspec.UNSET)


def encode(value: msgspec.Struct) -> bytes:
    """A record of the state topic or the metadata of an offset, as JSON."""
    return msgspec.json.encode(value)


def decode_asset(value: bytes) -> AssetState:
    """:raises msgspec.DecodeError: when the bytes are not an asset's state."""
    return msgspec.json.decode(value, type=AssetState)


def decode_head(value: bytes) -> PartitionHead:
    """:raises msgspec.DecodeError: when the bytes are not a head."""
    return msgspec.json.decode(value, type=PartitionHead)


def decode_metadata(text: str) -> RewindMetadata | None:
    """A committed offset's metadata; None when it is absent or written by another program."""
    try:
        return msgspec.json.decode(text, type=RewindMetadata)
    except (msgspec.DecodeError, ValueError):
        return None
