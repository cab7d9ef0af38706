"""A batch is as large as can be dealt with in half a commit interval."""

from __future__ import annotations

import pytest

from tfstream.app.scoring.pace import Pace


def settled(pace: Pace, seconds_per_record: float) -> int:
    for _ in range(20):
        pace.took(pace.most, pace.most * seconds_per_record)
    return pace.most


def test_a_slow_detector_gets_small_batches_and_a_fast_one_large_ones() -> None:
    assert settled(Pace(1.0, 0.0), 0.005) == 100
    assert settled(Pace(1.0, 0.0), 0.000_01) == 2000
    assert settled(Pace(3600.0, 0.0), 0.01) == 500


def test_the_first_batch_is_small_whatever_the_interval() -> None:
    """Nothing is known of the detector yet, and a batch that outlasts the poll limit costs the partitions."""
    assert Pace(3600.0, 0.0).most <= 128


def test_it_is_never_less_than_a_chunk_of_windows_and_grows_step_by_step() -> None:
    """A single window takes as long as a chunk of them: smaller batches would end in one record at a time."""
    pace = Pace(0.05, 0.0)
    pace.took(1, 3600.0)
    assert pace.most == 64
    pace.took(1, 0.0001)
    assert pace.most == 128
    pace.took(0, 0.0)
    assert pace.most == 128


def test_a_commit_is_due_an_interval_after_the_last_one() -> None:
    pace = Pace(1.0, 10.0)
    assert not pace.commit_due(10.9)
    assert pace.commit_due(11.0)
    pace.committed(11.0, 11.2)
    assert not pace.commit_due(12.1)
    assert pace.commit_due(12.2)


def test_a_slow_commit_is_followed_by_as_much_work_where_more_records_wait() -> None:
    """Each commit would carry one batch otherwise, and the scorer fall behind for good."""
    pace = Pace(0.05, 0.0)
    pace.committed(0.0, 0.3)
    pace.took(pace.most, 0.04)  # as many as were asked for: there are more
    assert not pace.commit_due(0.55)
    assert pace.commit_due(0.6)
    pace.took(pace.most - 1, 0.01)  # all that were there: nothing is gained by waiting
    assert pace.commit_due(0.36)


def test_a_commit_that_took_very_long_does_not_put_the_next_one_off_as_long() -> None:
    pace = Pace(0.05, 0.0)
    pace.committed(0.0, 60.0)
    pace.took(pace.most, 0.04)
    assert pace.commit_due(65.0)


def test_records_are_waited_for_until_it_is_time_to_deal_with_them() -> None:
    pace = Pace(0.05, 0.0)
    assert pace.wait_s(0.0) == 0.05
    pace.took(20, 0.04)
    pace.committed(1.0, 1.02)
    assert pace.wait_s(1.02) == pytest.approx(0.01)  # 40 ms of work still to come before 1.07
    assert pace.wait_s(1.05) == 0.005
    assert Pace(1.0, 0.0).wait_s(0.0) == 0.05
