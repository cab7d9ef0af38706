"""What a hop's window shows beyond its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tfstream.core.messages.anomaly_event import SensorShare


class HopEvidence(Protocol):
    """Evidence about one scored hop, computed only when a method is called.

    This is the one place where ``core`` calls up: in the scorer both methods run the detector on the window.
    A call takes about as long as scoring the window, and most hops need none: ``sensors`` is called for hops
    that open or keep an episode, ``departs`` for hops in which an open episode's score is low. Evidence that
    is computed for every hop would slow down the whole stream for the sake of a few hops.
    """

    def sensors(self) -> tuple[SensorShare, ...]:
        """The sensors that cause the hop's score, the largest share first."""

    def departs(self, sensors: Sequence[str]) -> bool:
        """Whether the level of one of these sensors disagrees with the level of the others."""


class NoEvidence:
    """Evidence where only the score is known: it names no sensor and keeps no episode open."""

    def sensors(self) -> tuple[SensorShare, ...]:
        return ()

    def departs(self, sensors: Sequence[str]) -> bool:
        return False
