"""How much to take on at once."""

from __future__ import annotations


class Pace:
    """How many records to take at once: about what can be dealt with in half a commit interval.

    A slow detector then delays neither the commits nor the polls that keep the group membership. Never fewer
    than fill one chunk of windows: the detector takes as long for one window as for a whole chunk, so that
    smaller batches would only make it slower.
    """

    _LEAST, _FIRST, _MOST = 64, 128, 2000

    def __init__(self, commit_interval_s: float) -> None:
        self.most = self._FIRST
        self._target_s = min(max(commit_interval_s / 2, 0.05), 5.0)

    def took(self, records: int, seconds: float) -> None:
        if records and seconds > 0.0:
            fitting = int(self._target_s * records / seconds)
            self.most = max(self._LEAST, min(self._MOST, fitting, 2 * self.most))
