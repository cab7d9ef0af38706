"""How much to take on at once, how long to wait for it, and when to commit it."""

from __future__ import annotations


class Pace:
    """How many records to take at once: about what can be dealt with in half a commit interval.

    A slow detector then delays neither the commits nor the polls that keep the group membership. Never fewer
    than fill one chunk of windows: the detector takes as long for one window as for a whole chunk, so that
    smaller batches would only make it slower.

    Records are waited for until there is just time to deal with them before the next commit.

    A slow broker takes no more than half of the time from a scorer that is behind: where a commit has lasted
    longer than the interval, the work before the next one lasts as long. Otherwise each commit would carry
    one small batch, and who is behind could stay behind for good.
    """

    _LEAST, _FIRST, _MOST = 64, 128, 2000
    _SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.005, 0.05
    _LONGEST_WORK_S = 5.0  # of work because of a slow commit: it is done again when its partition moves

    def __init__(self, commit_interval_s: float, now_s: float) -> None:
        """``now_s`` and all other moments are of one monotonic clock."""
        self.most = self._FIRST
        self._interval_s = commit_interval_s
        self._target_s = min(max(commit_interval_s / 2, 0.05), 5.0)
        self._took_s = 0.0
        self._behind = False
        self.committed(now_s, now_s)

    def wait_s(self, now_s: float) -> float:
        """How long to wait for as many records, if the next ones take as long as the last ones did."""
        left_s = self._due_s - now_s - self._took_s
        return min(max(left_s, self._SHORTEST_WAIT_S), self._LONGEST_WAIT_S)

    def took(self, records: int, seconds: float) -> None:
        """So many records were there, and took so long."""
        self._behind = records >= self.most
        self._took_s = seconds
        if records and seconds > 0.0:
            fitting = int(self._target_s * records / seconds)
            self.most = max(self._LEAST, min(self._MOST, fitting, 2 * self.most))

    def committed(self, began_s: float, ended_s: float) -> None:
        """A commit is over, whatever became of it."""
        self._due_s = ended_s + self._interval_s
        self._due_when_behind_s = max(self._due_s, ended_s + min(ended_s - began_s, self._LONGEST_WORK_S))

    def commit_due(self, now_s: float) -> bool:
        """Whether to commit now, rather than to take more records first."""
        return now_s >= (self._due_when_behind_s if self._behind else self._due_s)
