"""A batch is as large as fits into half a commit interval."""

from __future__ import annotations

import pytest

from tfstream.app.scoring.pace import Pace


def settled_size(pace: Pace, seconds_per_record: float) -> int:
    for _ in range(20):
        pace.batch_done(pace.most, pace.most * seconds_per_record)
    return pace.most


def test_a_slow_detector_gets_small_batches_and_a_fast_one_large_ones() -> None:
    assert settled_size(Pace(1.0, 0.0), 0.005) == 100
    assert settled_size(Pace(1.0, 0.0), 0.000_01) == 2000
    assert settled_size(Pace(3600.0, 0.0), 0.01) == 500


def test_the_first_batch_is_small_whatever_the_interval() -> None:
    """The detector's speed is unknown, and a batch that outlasts the poll limit costs the partitions."""
    assert Pace(3600.0, 0.0).most <= 128


def test_a_batch_is_at_least_a_chunk_of_windows_and_grows_step_by_step() -> None:
    """A single window takes as long as a whole chunk: smaller batches would shrink to single records."""
    pace = Pace(0.05, 0.0)
    pace.batch_done(1, 3600.0)
    assert pace.most == 64
    pace.batch_done(1, 0.0001)
    assert pace.most == 128
    pace.batch_done(0, 0.0)
    assert pace.most == 128


def test_a_commit_is_due_an_interval_after_the_last_commit() -> None:
    pace = Pace(1.0, 10.0)
    assert not pace.commit_due(10.9)
    assert pace.commit_due(11.0)
    pace.committed(11.0, 11.2)
    assert not pace.commit_due(12.1)
    assert pace.commit_due(12.2)


def test_a_slow_commit_is_followed_by_as_much_work_where_more_records_wait() -> None:
    """Otherwise each commit would carry one batch, and the scorer could stay behind without end."""
    pace = Pace(0.05, 0.0)
    pace.committed(0.0, 0.3)
    pace.batch_done(pace.most, 0.04)  # a full batch: more records wait
    assert not pace.commit_due(0.55)
    assert pace.commit_due(0.6)
    pace.batch_done(pace.most - 1, 0.01)  # not a full batch: no more records wait
    assert pace.commit_due(0.36)


def test_a_very_long_commit_delays_the_next_commit_by_five_seconds_at_most() -> None:
    pace = Pace(0.05, 0.0)
    pace.committed(0.0, 60.0)
    pace.batch_done(pace.most, 0.04)
    assert pace.commit_due(65.0)


def test_waiting_for_records_leaves_time_to_process_them() -> None:
    pace = Pace(0.05, 0.0)
    assert pace.wait_s(0.0) == 0.05
    pace.batch_done(20, 0.04)
    pace.committed(1.0, 1.02)
    assert pace.wait_s(1.02) == pytest.approx(0.01)  # 40 ms of work still to come before 1.07
    assert pace.wait_s(1.05) == 0.005
    assert Pace(1.0, 0.0).wait_s(0.0) == 0.05
