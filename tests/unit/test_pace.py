"""A batch is as large as can be dealt with in half a commit interval."""

from __future__ import annotations

from tfstream.app.pace import Pace


def settled(pace: Pace, seconds_per_record: float) -> int:
    for _ in range(20):
        pace.took(pace.most, pace.most * seconds_per_record)
    return pace.most


def test_a_slow_detector_gets_small_batches_and_a_fast_one_large_ones() -> None:
    assert settled(Pace(1.0), 0.005) == 100
    assert settled(Pace(1.0), 0.000_01) == 2000
    assert settled(Pace(3600.0), 0.01) == 500


def test_the_first_batch_is_small_whatever_the_interval() -> None:
    """Nothing is known of the detector yet, and a batch that outlasts the poll limit costs the partitions."""
    assert Pace(3600.0).most <= 128


def test_it_is_never_less_than_a_chunk_of_windows_and_grows_step_by_step() -> None:
    """A single window takes as long as a chunk of them: smaller batches would end in one record at a time."""
    pace = Pace(0.05)
    pace.took(1, 3600.0)
    assert pace.most == 64
    pace.took(1, 0.0001)
    assert pace.most == 128
    pace.took(0, 0.0)
    assert pace.most == 128
