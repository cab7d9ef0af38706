"""The rows of assets, round by round."""

from __future__ import annotations

import numpy as np

from tfstream.model.witnesses.rounds import Rounds


def test_a_round_has_a_row_of_each_asset_that_has_so_many() -> None:
    rounds = Rounds(np.array([3, 2, 2]))
    parts = [
        np.array([[10 * asset + row] for row in range(3 - bool(asset))], np.float32) for asset in range(3)
    ]
    assert rounds.arrange(parts)[:, 0].tolist() == [0, 10, 20, 1, 11, 21, 2]
    assert rounds.starts.tolist() == [0, 3, 6, 7]
    assert rounds.newest().tolist() == [6, 4, 5]
    assert rounds.place(np.array([1]), np.array([1])).tolist() == [4]


def test_rows_before_lie_in_the_rounds_before_and_in_those_of_earlier_batches() -> None:
    rounds = Rounds(np.array([3, 1]))
    earlier = ["a-2", "b-2", "a-1", "b-1"]
    rows = np.array([*earlier, "a0", "b0", "a1", "a2"])
    before = rows[rounds.before(2)]
    assert before.tolist() == [["a-1", "a-2"], ["b-1", "b-2"], ["a0", "a-1"], ["a1", "a0"]]
