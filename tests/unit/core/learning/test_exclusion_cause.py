"""What is learnt from: which alarms come back, what a cut leaves, and how a new level is learnt at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfstream.core.learning.exclude import ExcludedCells, exclude
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.exclusion_cause import (
    ExcludedSpan,
    ExclusionCause,
    TrainingEpisode,
    excluded_spans,
)
from tfstream.core.learning.new_normal import move_to_new_normal
from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.reading import Series, Values
from tfstream.core.spans import Span

SENSORS = ("level", "flow", "valve")
MINUTE_US = 60_000_000
MARGIN_US = 5 * MINUTE_US
LEAST = 64


def episode(**changed: Any) -> TrainingEpisode:
    """A closed alarm of line-1 in minutes 100 to 120, as likely as the budget's."""
    fields: dict[str, Any] = {
        "asset": "line-1",
        "kind": EventKind.PROCESS,
        "start_us": 100 * MINUTE_US,
        "end_us": 120 * MINUTE_US,
        "verdict": None,
        "accepted_us": None,
        "expected_per_week": 0.5,
        "budget": 1.0,
        "shares": {"flow": 0.9, "level": 0.08},
    }
    return TrainingEpisode(**(fields | changed))


def series(rows: int, *, seed: int = 0) -> Series:
    """Two sensors at their levels, and a switch; a row a minute."""
    rng = np.random.default_rng(seed)
    values = np.stack([5 + rng.normal(size=rows), rng.normal(size=rows), np.arange(rows) % 2], axis=1)
    return Series("line-1", np.arange(rows) * MINUTE_US, values.astype(np.float32))


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({}, None),  # a false alarm within the budget comes back, or nothing new is ever learnt
        ({"expected_per_week": 0.01}, ExclusionCause.CLEAR),
        ({"end_us": None}, ExclusionCause.OPEN),
        ({"kind": EventKind.INSTRUMENT}, ExclusionCause.INSTRUMENT),
        ({"verdict": Verdict.CONFIRMED}, ExclusionCause.CONFIRMED),
        ({"verdict": Verdict.FALSE_ALARM, "expected_per_week": 0.0}, None),
        ({"verdict": Verdict.EXPECTED, "kind": EventKind.INSTRUMENT}, None),
        ({"verdict": Verdict.EXPECTED, "end_us": None}, None),
        ({"verdict": Verdict.NEW_NORMAL, "end_us": None}, None),
        ({"kind": EventKind.SILENCE, "end_us": None}, None),  # nothing is there to learn from
    ],
)
def test_which_anomalies_are_left_out(changed: dict[str, Any], cause: ExclusionCause | None) -> None:
    assert episode(**changed).cause is cause


def cuts(*episodes: TrainingEpisode, exclusions: tuple[Exclusion, ...] = ()) -> list[ExcludedSpan]:
    within = Span(0, 1000 * MINUTE_US)
    return excluded_spans("line-1", SENSORS, exclusions, episodes, within, MARGIN_US)


def test_a_fault_is_left_out_with_a_margin_and_an_open_one_for_good() -> None:
    closed, still = cuts(episode(verdict=Verdict.CONFIRMED), episode(end_us=None))
    assert closed.span == Span(95 * MINUTE_US, 125 * MINUTE_US)
    assert still.span.start_us == 95 * MINUTE_US
    assert still.span.end_us > 2**61
    assert closed.sensors.tolist() == [True, True, True]


def test_an_instrument_spoils_its_own_sensor_alone() -> None:
    assert cuts(episode(kind=EventKind.INSTRUMENT))[0].sensors.tolist() == [False, True, False]
    unknown = episode(kind=EventKind.INSTRUMENT, shares={"gone": 1.0})  # since renamed: all, to be safe
    assert cuts(unknown)[0].sensors.all()


def test_exclusions_count_first_and_other_assets_do_not() -> None:
    first = Span(100 * MINUTE_US, 110 * MINUTE_US)
    valve = Exclusion(first=first, sensor="v*")
    found = cuts(
        episode(verdict=Verdict.CONFIRMED),
        episode(verdict=Verdict.CONFIRMED, asset="line-2"),
        exclusions=(Exclusion(first=first, asset="line-2"), valve),
    )
    assert [one.cause for one in found] == [ExclusionCause.EXCLUSION, ExclusionCause.CONFIRMED]
    assert found[0].sensors.tolist() == [False, False, True]
    assert found[0].span == first.widened(MARGIN_US, MARGIN_US)


def test_a_verdict_brings_nothing_back_that_an_exclusion_keeps_out() -> None:
    kept_out = Exclusion(first=Span(100 * MINUTE_US, 120 * MINUTE_US))
    assert [one.cause for one in cuts(episode(verdict=Verdict.EXPECTED), exclusions=(kept_out,))] == [
        ExclusionCause.EXCLUSION
    ]


def test_what_is_left_out_is_cut_or_missing_and_counted_once() -> None:
    piece, told = series(300), ExcludedCells(cells=900)
    cut_out = cuts(
        episode(verdict=Verdict.CONFIRMED),
        episode(start_us=200 * MINUTE_US, end_us=210 * MINUTE_US, kind=EventKind.INSTRUMENT),
        exclusions=(Exclusion(first=Span(95 * MINUTE_US, 125 * MINUTE_US)),),
    )
    before, after = exclude(piece, cut_out, told)
    assert (len(before.values), len(after.values)) == (90, 300 - 130)
    assert int(after.times_us[0]) == 130 * MINUTE_US
    gone = np.isnan(after.values[:, 1])
    assert np.flatnonzero(gone).tolist() == list(range(65, 85))
    assert np.isfinite(after.values[:, [0, 2]]).all()
    assert +told.by_cause == {ExclusionCause.EXCLUSION: 40 * 3, ExclusionCause.INSTRUMENT: 20}
    assert told.shares == {"exclusions": 120 / 900, "instrument faults": 20 / 900}


def test_nothing_to_leave_out_leaves_a_piece_as_it_is() -> None:
    piece = series(50)
    assert list(exclude(piece, [], ExcludedCells())) == [piece]
    everything = ExcludedSpan(ExclusionCause.OPEN, Span(0, 50 * MINUTE_US), np.ones(3, dtype=np.bool_))
    assert list(exclude(piece, [everything], ExcludedCells())) == []


def shifted(rows: int, at: int, by: float) -> Series:
    piece = series(rows)
    piece.values[at:, 0] += by
    return piece


def new_normal(at: int, **changed: Any) -> TrainingEpisode:
    return episode(verdict=Verdict.NEW_NORMAL, start_us=at * MINUTE_US, end_us=None, **changed)


def values(pieces: list[Series]) -> Values:
    return np.concatenate([piece.values for piece in pieces])


def test_what_was_before_a_new_normal_is_moved_to_its_level() -> None:
    """With a tenth of the rows at the new level, its location is that of all."""
    told = ExcludedCells()
    found = values(move_to_new_normal([shifted(1000, 900, 40.0)], [new_normal(900)], SENSORS, LEAST, told))
    assert len(found) == 1000
    assert np.median(found[:900, 0]) == pytest.approx(45.0, abs=0.3)
    np.testing.assert_array_equal(found[:900, 2], series(1000).values[:900, 2])  # a switch has no level
    assert not told.by_cause


def test_what_was_before_is_dropped_once_there_is_as_much_after_it() -> None:
    told = ExcludedCells()
    found = move_to_new_normal([shifted(1000, 400, 40.0)], [new_normal(400)], SENSORS, LEAST, told)
    assert [int(piece.times_us[0]) for piece in found] == [400 * MINUTE_US]
    assert told.by_cause == {ExclusionCause.BEFORE: 400 * 3}


def test_an_instrument_at_a_new_level_keeps_the_history_of_all() -> None:
    piece = series(1000)
    piece.values[400:, 1] += 40.0
    told = ExcludedCells()
    found = values(
        move_to_new_normal([piece], [new_normal(400, kind=EventKind.INSTRUMENT)], SENSORS, LEAST, told)
    )
    assert len(found) == 1000
    assert np.median(found[:400, 1]) == pytest.approx(40.0, abs=0.3)
    np.testing.assert_array_equal(found[:, 0], series(1000).values[:, 0])


def test_a_level_that_is_hardly_known_changes_nothing_yet() -> None:
    told = ExcludedCells()
    found = values(move_to_new_normal([shifted(1000, 950, 40.0)], [new_normal(950)], SENSORS, LEAST, told))
    np.testing.assert_array_equal(found, shifted(1000, 950, 40.0).values)
    assert "50 rows, 64 are needed" in told.notes[0]


def test_one_new_normal_after_another() -> None:
    piece = series(2000)
    piece.values[1000:, 0] += 10.0
    piece.values[1800:, 0] += 10.0
    pair = [new_normal(1800), new_normal(1000)]
    found = values(move_to_new_normal([piece], pair, SENSORS, LEAST, ExcludedCells()))
    for part in (slice(0, 1000), slice(1000, 1800), slice(1800, 2000)):
        assert np.median(found[part, 0]) == pytest.approx(25.0, abs=0.4)


def test_levels_are_compared_at_the_same_hours() -> None:
    """A tank that is fuller by night: three hours of a night say nothing of its days."""
    rows = 3 * 1440 + 180
    piece = series(rows)
    hour = np.arange(rows) // 60 % 24
    piece.values[:, 0] += np.where(hour < 6, 20.0, 0.0)
    piece.values[3 * 1440 :, 0] += 7.0
    found = values(move_to_new_normal([piece], [new_normal(3 * 1440)], SENSORS, LEAST, ExcludedCells()))
    days = found[: 3 * 1440][hour[: 3 * 1440] >= 6, 0]
    assert np.median(days) == pytest.approx(5.0 + 7.0, abs=0.3)


def test_the_way_to_a_new_normal_is_left_out() -> None:
    (way,) = cuts(new_normal(100, accepted_us=80 * MINUTE_US))
    assert (way.cause, way.span) == (ExclusionCause.BEFORE, Span(75 * MINUTE_US, 80 * MINUTE_US))


def test_a_fault_that_a_new_normal_ends_is_not_learnt_as_the_old_one() -> None:
    (way,) = cuts(new_normal(100, accepted_us=150 * MINUTE_US))
    assert (way.cause, way.span) == (ExclusionCause.BEFORE, Span(95 * MINUTE_US, 150 * MINUTE_US))


@pytest.mark.parametrize("second", [700, 720])
def test_two_sensors_that_are_accepted_together_are_both_moved(second: int) -> None:
    """With one `--from` for both, or one soon after the other: neither ends what is known of the other."""
    piece, told = series(1000), ExcludedCells()
    piece.values[700:, 0] += 50.0
    piece.values[second:, 1] += 40.0
    pair = [
        new_normal(700, kind=EventKind.INSTRUMENT, shares={"level": 1.0}),
        new_normal(second, kind=EventKind.INSTRUMENT, shares={"flow": 1.0}),
    ]
    found = values(move_to_new_normal([piece], pair, SENSORS, LEAST, told))
    np.testing.assert_allclose(np.median(found[:700, :2], axis=0), [55.0, 40.0], atol=0.3)
    assert told.notes == []


def test_an_instrument_soon_after_a_new_normal_leaves_that_to_the_other_sensors() -> None:
    piece = shifted(1000, 700, 50.0)
    piece.values[720:, 1] += 40.0
    pair = [new_normal(700), new_normal(720, kind=EventKind.INSTRUMENT, shares={"flow": 1.0})]
    found = values(move_to_new_normal([piece], pair, SENSORS, LEAST, ExcludedCells()))
    np.testing.assert_allclose(np.median(found[:700, :2], axis=0), [55.0, 40.0], atol=0.3)
