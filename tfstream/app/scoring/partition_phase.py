"""The phases of an assigned partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfstream.core.state import AssetState


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """Messages before the committed offset are read again and only fill the windows.

    ``states`` are the states of all assets at the committed offset.
    """

    states: Mapping[str, AssetState]


@dataclass(frozen=True, slots=True)
class Live:
    """Every message is new."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The partition has reached its dead-letter limit and reads no further; ``reason`` is for an operator."""

    reason: str


Phase = Rebuilding | Live | Stopped
