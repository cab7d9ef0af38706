"""How many records a batch takes, how long to wait for them, and when to commit."""

from __future__ import annotations


class Pace:
    """Adapts the batch size to the time that the last batch took.

    A batch holds as many records as fit into half a commit interval, so that a slow detector delays neither
    the commits nor the polls that keep the group membership. A batch never holds fewer records than one chunk
    of windows: the detector needs as long for one window as for a whole chunk, so smaller batches would only
    be slower. The scorer waits for records until there is just time to process them before the next commit.

    A slow broker takes no more than half of the time from a scorer that is behind: if a commit has lasted
    longer than the interval, the work before the next commit lasts as long as that commit. Otherwise each
    commit would carry one small batch, and the scorer could stay behind for good.
    """

    _LEAST, _FIRST, _MOST = 64, 128, 2000
    _SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.005, 0.05
    _LONGEST_WORK_S = 5.0  # of work because of a slow commit: when a partition moves, its work is done again

    def __init__(self, commit_interval_s: float, now_s: float) -> None:
        """``now_s`` and all other times are of one monotonic clock."""
        self.most = self._FIRST
        self._interval_s = commit_interval_s
        self._target_s = min(max(commit_interval_s / 2, 0.05), 5.0)
        self._last_batch_s = 0.0
        self._behind = False  # whether the last batch was full
        self.committed(now_s, now_s)

    def wait_s(self, now_s: float) -> float:
        """How long to wait for records, if the next batch takes as long as the last batch did."""
        left_s = self._due_s - now_s - self._last_batch_s
        return min(max(left_s, self._SHORTEST_WAIT_S), self._LONGEST_WAIT_S)

    def batch_done(self, records: int, seconds: float) -> None:
        """A batch of ``records`` records has taken ``seconds``."""
        self._behind = records >= self.most
        self._last_batch_s = seconds
        if records and seconds > 0.0:
            fitting = int(self._target_s * records / seconds)
            self.most = max(self._LEAST, min(self._MOST, fitting, 2 * self.most))

    def committed(self, began_s: float, ended_s: float) -> None:
        """A commit has ended, successful or not."""
        self._due_s = ended_s + self._interval_s
        self._due_when_behind_s = max(self._due_s, ended_s + min(ended_s - began_s, self._LONGEST_WORK_S))

    def commit_due(self, now_s: float) -> bool:
        """Whether to commit now, before any further records."""
        return now_s >= (self._due_when_behind_s if self._behind else self._due_s)
