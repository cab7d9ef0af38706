"""Which rows are normal: which alarms are learnt from, what a cut leaves, and how a new level is learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfstream.core.learning.exclude import ExcludedCells, exclude
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.new_normal import move_to_new_normal
from tfstream.core.learning.normal_rows import ExcludedSpan, ExclusionCause, TrainingEpisode, excluded_spans
from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.reading import Series, Values
from tfstream.core.spans import Span

SENSORS = ("level", "flow", "valve")
MINUTE_US = 60_000_000
MARGIN_US = 5 * MINUTE_US
LEAST = 64


def episode(**changed: Any) -> TrainingEpisode:
    """A closed alarm of line-1 in minutes 100 to 120, about as rare as the budget allows."""
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
        ({}, None),  # learnt from: a false alarm within the budget; else nothing new would ever be learnt
        ({"expected_per_week": 0.01}, ExclusionCause.CLEAR),
        ({"end_us": None}, ExclusionCause.OPEN),
        ({"kind": EventKind.INSTRUMENT}, ExclusionCause.INSTRUMENT),
        ({"verdict": Verdict.CONFIRMED}, ExclusionCause.CONFIRMED),
        ({"verdict": Verdict.FALSE_ALARM, "expected_per_week": 0.0}, None),
        ({"verdict": Verdict.EXPECTED, "kind": EventKind.INSTRUMENT}, None),
        ({"verdict": Verdict.EXPECTED, "end_us": None}, None),
        ({"verdict": Verdict.NEW_NORMAL, "end_us": None}, None),
        ({"kind": EventKind.SILENCE, "end_us": None}, None),  # there are no readings
    ],
)
def test_which_anomalies_are_left_out(changed: dict[str, Any], cause: ExclusionCause | None) -> None:
    assert episode(**changed).cause is cause


def test_a_verdict_that_there_was_no_fault_keeps_its_span_in_the_training_data() -> None:
    closed = episode(verdict=Verdict.FALSE_ALARM)
    assert closed.judged_normal == Span(100 * MINUTE_US, 120 * MINUTE_US)
    assert episode(verdict=Verdict.EXPECTED, end_us=None).judged_normal is not None
    assert episode(verdict=Verdict.CONFIRMED).judged_normal is None
    assert episode(verdict=None).judged_normal is None
    moved = episode(verdict=Verdict.NEW_NORMAL).judged_normal
    assert moved is not None
    assert moved.overlaps(Span(0, 1)), "older rows were moved to the new level"


def cuts(*episodes: TrainingEpisode, exclusions: tuple[Exclusion, ...] = ()) -> list[ExcludedSpan]:
    within = Span(0, 1000 * MINUTE_US)
    return excluded_spans("line-1", SENSORS, exclusions, episodes, within, MARGIN_US)


def test_a_fault_is_left_out_with_a_margin_and_an_open_episode_without_an_end() -> None:
    closed, still = cuts(episode(verdict=Verdict.CONFIRMED), episode(end_us=None))
    assert closed.span == Span(95 * MINUTE_US, 125 * MINUTE_US)
    assert still.span.start_us == 95 * MINUTE_US
    assert still.span.end_us > 2**61
    assert closed.sensors.tolist() == [True, True, True]


def test_an_instrument_fault_excludes_its_own_sensor_only() -> None:
    assert cuts(episode(kind=EventKind.INSTRUMENT))[0].sensors.tolist() == [False, True, False]
    unknown = episode(kind=EventKind.INSTRUMENT, shares={"gone": 1.0})  # renamed since: all sensors
    assert cuts(unknown)[0].sensors.all()


def test_exclusions_count_first_and_other_assets_do_not() -> None:
    first = Span(100 * MINUTE_US, 110 * MINUTE_US)
    valve = Exclusion(first=first, sensor="v*")
    spans = cuts(
        episode(verdict=Verdict.CONFIRMED),
        episode(verdict=Verdict.CONFIRMED, asset="line-2"),
        exclusions=(Exclusion(first=first, asset="line-2"), valve),
    )
    assert [cut.cause for cut in spans] == [ExclusionCause.EXCLUSION, ExclusionCause.CONFIRMED]
    assert spans[0].sensors.tolist() == [False, False, True]
    assert spans[0].span == first.widened(MARGIN_US, MARGIN_US)


def test_no_verdict_overrides_an_exclusion() -> None:
    kept_out = Exclusion(first=Span(100 * MINUTE_US, 120 * MINUTE_US))
    assert [cut.cause for cut in cuts(episode(verdict=Verdict.EXPECTED), exclusions=(kept_out,))] == [
        ExclusionCause.EXCLUSION
    ]


def test_what_is_left_out_is_cut_or_missing_and_counted_once() -> None:
    piece, left_out = series(300), ExcludedCells(cells=900)
    cut_out = cuts(
        episode(verdict=Verdict.CONFIRMED),
        episode(start_us=200 * MINUTE_US, end_us=210 * MINUTE_US, kind=EventKind.INSTRUMENT),
        exclusions=(Exclusion(first=Span(95 * MINUTE_US, 125 * MINUTE_US)),),
    )
    before, after = exclude(piece, cut_out, left_out)
    assert (len(before.values), len(after.values)) == (90, 300 - 130)
    assert int(after.times_us[0]) == 130 * MINUTE_US
    gone = np.isnan(after.values[:, 1])
    assert np.flatnonzero(gone).tolist() == list(range(65, 85))
    assert np.isfinite(after.values[:, [0, 2]]).all()
    assert +left_out.by_cause == {ExclusionCause.EXCLUSION: 40 * 3, ExclusionCause.INSTRUMENT: 20}
    assert left_out.shares == {"exclusions": 120 / 900, "instrument faults": 20 / 900}


def test_a_piece_without_cuts_stays_as_it_is() -> None:
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


def test_rows_before_a_new_normal_are_moved_to_its_level() -> None:
    """A tenth of the rows at the new level sets the location of all rows."""
    left_out = ExcludedCells()
    moved = values(
        move_to_new_normal([shifted(1000, 900, 40.0)], [new_normal(900)], SENSORS, LEAST, left_out)
    )
    assert len(moved) == 1000
    assert np.median(moved[:900, 0]) == pytest.approx(45.0, abs=0.3)
    np.testing.assert_array_equal(moved[:900, 2], series(1000).values[:900, 2])  # a switch has no level
    assert not left_out.by_cause


def test_rows_before_are_dropped_once_there_are_as_many_after() -> None:
    left_out = ExcludedCells()
    moved = move_to_new_normal([shifted(1000, 400, 40.0)], [new_normal(400)], SENSORS, LEAST, left_out)
    assert [int(piece.times_us[0]) for piece in moved] == [400 * MINUTE_US]
    assert left_out.by_cause == {ExclusionCause.BEFORE: 400 * 3}


def test_an_instrument_at_a_new_level_keeps_all_rows() -> None:
    piece = series(1000)
    piece.values[400:, 1] += 40.0
    left_out = ExcludedCells()
    moved = values(
        move_to_new_normal([piece], [new_normal(400, kind=EventKind.INSTRUMENT)], SENSORS, LEAST, left_out)
    )
    assert len(moved) == 1000
    assert np.median(moved[:400, 1]) == pytest.approx(40.0, abs=0.3)
    np.testing.assert_array_equal(moved[:, 0], series(1000).values[:, 0])


def test_a_level_with_few_rows_changes_nothing_yet() -> None:
    left_out = ExcludedCells()
    moved = values(
        move_to_new_normal([shifted(1000, 950, 40.0)], [new_normal(950)], SENSORS, LEAST, left_out)
    )
    np.testing.assert_array_equal(moved, shifted(1000, 950, 40.0).values)
    assert "50 rows, 64 are needed" in left_out.notes[0]


def test_one_new_normal_after_another() -> None:
    piece = series(2000)
    piece.values[1000:, 0] += 10.0
    piece.values[1800:, 0] += 10.0
    pair = [new_normal(1800), new_normal(1000)]
    moved = values(move_to_new_normal([piece], pair, SENSORS, LEAST, ExcludedCells()))
    for part in (slice(0, 1000), slice(1000, 1800), slice(1800, 2000)):
        assert np.median(moved[part, 0]) == pytest.approx(25.0, abs=0.4)


def test_levels_are_compared_at_the_same_hours() -> None:
    """A tank that is fuller by night: three hours of a night do not show its level by day."""
    rows = 3 * 1440 + 180
    piece = series(rows)
    hour = np.arange(rows) // 60 % 24
    piece.values[:, 0] += np.where(hour < 6, 20.0, 0.0)
    piece.values[3 * 1440 :, 0] += 7.0
    moved = values(move_to_new_normal([piece], [new_normal(3 * 1440)], SENSORS, LEAST, ExcludedCells()))
    days = moved[: 3 * 1440][hour[: 3 * 1440] >= 6, 0]
    assert np.median(days) == pytest.approx(5.0 + 7.0, abs=0.3)


def test_the_transition_to_a_new_normal_is_left_out() -> None:
    (cut,) = cuts(new_normal(100, accepted_us=80 * MINUTE_US))
    assert (cut.cause, cut.span) == (
        ExclusionCause.BEFORE,
        Span(75 * MINUTE_US, 80 * MINUTE_US),
    )


def test_a_fault_before_a_new_normal_is_not_learnt_as_the_old_level() -> None:
    (cut,) = cuts(new_normal(100, accepted_us=150 * MINUTE_US))
    assert (cut.cause, cut.span) == (
        ExclusionCause.BEFORE,
        Span(95 * MINUTE_US, 150 * MINUTE_US),
    )


@pytest.mark.parametrize("second", [700, 720])
def test_two_sensors_that_are_accepted_together_are_both_moved(second: int) -> None:
    """With the same `--from`, or shortly after each other: neither ends the level of the other."""
    piece, left_out = series(1000), ExcludedCells()
    piece.values[700:, 0] += 50.0
    piece.values[second:, 1] += 40.0
    pair = [
        new_normal(700, kind=EventKind.INSTRUMENT, shares={"level": 1.0}),
        new_normal(second, kind=EventKind.INSTRUMENT, shares={"flow": 1.0}),
    ]
    moved = values(move_to_new_normal([piece], pair, SENSORS, LEAST, left_out))
    np.testing.assert_allclose(np.median(moved[:700, :2], axis=0), [55.0, 40.0], atol=0.3)
    assert left_out.notes == []


def test_an_instrument_soon_after_a_new_normal_keeps_it_for_the_other_sensors() -> None:
    piece = shifted(1000, 700, 50.0)
    piece.values[720:, 1] += 40.0
    pair = [new_normal(700), new_normal(720, kind=EventKind.INSTRUMENT, shares={"flow": 1.0})]
    moved = values(move_to_new_normal([piece], pair, SENSORS, LEAST, ExcludedCells()))
    np.testing.assert_allclose(np.median(moved[:700, :2], axis=0), [55.0, 40.0], atol=0.3)
