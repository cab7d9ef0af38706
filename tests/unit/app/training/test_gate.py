"""Champion and challenger on the same rows: an equally good model is promoted, a broken model is rejected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tests.studies.simulated_readings import SECOND_US, names, readings, series
from tfstream.app.detection.champion import Champion
from tfstream.app.training import gate
from tfstream.app.training.gate import ComparableChampion, Gate, comparable_champion
from tfstream.app.training.performance import measure
from tfstream.core.faults import gate_faults
from tfstream.core.learning.held_out import HeldOut, hold_out
from tfstream.core.learning.promotion_rule import GateDecision, decide_without_test
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting import gate_trials
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector
from tfstream.storage.datetimes import to_datetime
from tfstream.storage.models import ModelRow

SENSORS = 5
QUICK = DetectorConfig(steps=20)
DEFINITION = StreamDefinition(topic="plant", sensors=names(SENSORS), interval_us=SECOND_US)


def held_out(values: Values) -> HeldOut:
    held = hold_out([series(values)], SECOND_US)
    assert held is not None
    return held


def fitted(learn: list[Series], seed: int = 0) -> Detector:
    return fit(learn, DEFINITION.sensors, SECOND_US, QUICK, seed, lambda stage, done: None)


@pytest.fixture(scope="module")
def held() -> HeldOut:
    return held_out(readings(2600, SENSORS))


@pytest.fixture(scope="module")
def good(held: HeldOut) -> Detector:
    return fitted(held.learn)


def row(detector: Detector, held: HeldOut, until_us: int | None = None) -> ModelRow:
    until = held.from_us - SECOND_US if until_us is None else until_us
    stored = bundle.dump(detector)
    return ModelRow(
        version=7,
        status="champion",
        reason=None,
        metrics={},
        sha256=bundle.sha256(stored),
        trained_from=to_datetime(0),
        trained_until=to_datetime(until),
        rows=1,
        seed=0,
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
        bundle=stored,
    )


def champion(detector: Detector, held: HeldOut) -> ComparableChampion:
    return ComparableChampion(row=row(detector, held), model=Champion(detector, 7, ""))


NO_CHAMPION = ComparableChampion(row=None, model=None)


def decide(held: HeldOut, champion: ComparableChampion, challenger: Detector) -> GateDecision:
    return Gate(DEFINITION, held, champion, challenger.config, 0).evaluate(challenger).decision


def broken_checks(decision: GateDecision) -> list[str]:
    return [check.what for check in decision.checks if check.holds is False]


def test_an_equal_challenger_is_promoted(held: HeldOut, good: Detector) -> None:
    """The same fit, and one with another seed."""
    same = decide(held, champion(good, held), good)
    other = decide(held, champion(good, held), fitted(held.learn, seed=1))
    assert (same.promote, other.promote) == (True, True)
    assert same.checks[2].challenger == same.checks[2].champion
    assert 0.6 < same.checks[2].challenger < 0.95
    assert "faults found (AUC), all kinds" in other.reason


def test_a_challenger_without_weights_is_rejected(held: HeldOut, good: Detector) -> None:
    blind = replace(good, fusion=good.fusion._replace(weight=np.zeros_like(good.fusion.weight)))
    decision = decide(held, champion(good, held), blind)
    assert not decision.promote
    assert broken_checks(decision) == ["faults found (AUC), all kinds"]
    assert decision.checks[2].challenger == 0.5


def test_a_challenger_that_sees_only_larger_faults_is_rejected(held: HeldOut, good: Detector) -> None:
    """Its instruments have higher limits; the score and the alarms on normal rows are the same."""
    blinder = replace(good, instruments=replace(good.instruments, records=2 * good.instruments.records))
    decision = decide(held, champion(good, held), blinder)
    assert not decision.promote
    (broken,) = broken_checks(decision)
    assert broken.startswith("smallest faults found within")
    assert decide(held, NO_CHAMPION, blinder).promote
    assert decide(held, champion(blinder, held), good).promote


def test_kinds_that_a_model_finds_by_chance_only_are_warned_of(held: HeldOut, good: Detector) -> None:
    blind = replace(good, fusion=good.fusion._replace(weight=np.zeros_like(good.fusion.weight)))
    decision = decide(held, NO_CHAMPION, blind)
    assert decision.promote
    by_chance = [text.split(":")[0] for text in decision.warnings if "the score finds" in text]
    assert by_chance == list(gate_faults.kinds_for(SENSORS))
    assert len(decide(held, NO_CHAMPION, good).warnings) < len(by_chance)


def test_a_challenger_that_learnt_from_faults_is_rejected(held: HeldOut, good: Detector) -> None:
    """Every sensor but the first is scrambled: the model learns that they are unrelated."""
    (learn,) = held.learn
    rng = np.random.default_rng(0)
    scrambled = learn.values + 2 * learn.values.std(0) * rng.normal(size=learn.values.shape)
    faulty = fitted([learn._replace(values=scrambled.astype(np.float32))])
    decision = decide(held, champion(good, held), faulty)
    assert not decision.promote
    assert "faults found (AUC), all kinds" in broken_checks(decision)


@pytest.mark.parametrize("there_is_a_champion", [True, False])
def test_a_challenger_that_breaks_the_budget_is_rejected(
    held: HeldOut, good: Detector, there_is_a_champion: bool
) -> None:
    loud = replace(good, calibration=msgspec.structs.replace(good.calibration, u=0.5, sigma=0.01))
    before = champion(good, held) if there_is_a_champion else NO_CHAMPION
    decision = decide(held, before, loud)
    assert not decision.promote
    assert any("alarm" in what for what in broken_checks(decision))
    assert decision.checks[2].holds is (True if there_is_a_champion else None)


def test_rows_that_both_models_find_abnormal_reject_no_better_model(held: HeldOut, good: Detector) -> None:
    """The champion is always in alarm: a challenger that is in alarm no longer is promoted, with a note."""
    always = replace(good, calibration=msgspec.structs.replace(good.calibration, u=-100.0, sigma=0.01))
    both = decide(held, champion(always, held), always)
    better = decide(held, champion(always, held), good)
    assert (both.promote, both.looks_normal) == (True, False)
    assert (better.promote, better.looks_normal) == (True, True)


def test_a_refitted_model_is_confirmed_unless_its_fit_went_wrong(held: HeldOut, good: Detector) -> None:
    gate = Gate(DEFINITION, held, NO_CHAMPION, QUICK, 0)
    tested = gate.evaluate(good).performance
    blind = replace(good, fusion=good.fusion._replace(weight=np.zeros_like(good.fusion.weight)))
    assert gate.confirms(tested, good)
    assert not gate.confirms(tested, blind)


def test_an_alarm_that_never_ends_breaks_the_budget(held: HeldOut, good: Detector) -> None:
    always = replace(good, calibration=msgspec.structs.replace(good.calibration, u=-100.0, sigma=0.01))
    decision = decide(held, NO_CHAMPION, always)
    assert broken_checks(decision) == ["share of that time under alarm"]
    assert (decision.checks[0].challenger, decision.checks[1].challenger) == (1, 1.0)


def test_a_first_model_is_tested_by_its_alarms(held: HeldOut, good: Detector) -> None:
    decision = decide(held, NO_CHAMPION, good)
    assert decision.promote
    assert "there is no champion to compare it with" in decision.notes
    assert decision.checks[2].holds is None


def test_a_champion_of_other_sensors_cannot_be_compared(held: HeldOut, good: Detector) -> None:
    more = DEFINITION.with_sensors((*DEFINITION.sensors, "new"))
    other = comparable_champion(row(good, held), more, QUICK)
    assert (other.model, "new" in str(other.incomparable)) == (None, True)
    decision = decide(held, other, good)
    assert decision.promote
    assert "the champion, version 7, cannot be compared" in decision.reason


def test_damaged_bytes_and_other_windows_cannot_be_compared(held: HeldOut, good: Detector) -> None:
    damaged = comparable_champion(replace(row(good, held), bundle=b"dust"), DEFINITION, QUICK)
    wider = comparable_champion(row(good, held), DEFINITION, DetectorConfig(window_rows=128))
    assert "damaged" in str(damaged.incomparable)
    assert "another size" in str(wider.incomparable)
    assert comparable_champion(row(good, held), DEFINITION, QUICK).model is not None


def test_a_note_says_that_the_champion_learnt_from_the_held_out_rows(held: HeldOut, good: Detector) -> None:
    seen = replace(champion(good, held), row=row(good, held, held.from_us))
    assert "has learnt from some of these rows" in decide(held, seen, good).reason
    assert "has learnt" not in decide(held, champion(good, held), good).reason


def test_with_nothing_held_out_only_a_stream_without_a_champion_gets_a_model(
    held: HeldOut, good: Detector
) -> None:
    assert decide_without_test(has_champion=False).promote
    assert not decide_without_test(has_champion=True).promote
    assert "too few rows" in decide_without_test(has_champion=False).reason


def test_too_few_held_out_rows_leave_detection_uncompared(good: Detector) -> None:
    held = held_out(readings(2000, SENSORS))
    short = [
        piece._replace(series=piece.series._replace(values=piece.series.values[:120]))
        for piece in held.pieces
    ]
    decision = decide(held._replace(pieces=short), champion(good, held), good)
    assert len(decision.checks) == 3  # alarms twice, and experience
    assert gate._NO_TRIALS in decision.notes


def test_trials_are_seeded_and_spare_what_they_do_not_touch(held: HeldOut) -> None:
    once, again, other = (gate_trials.prepare(held, QUICK, seed) for seed in (0, 0, 1))
    assert len(once) == gate_trials.TRIALS_PER_KIND * 9
    for trial, repeated in zip(once, again, strict=True):
        assert trial[:3] == repeated[:3]
        np.testing.assert_array_equal(trial.shown, repeated.shown)
    assert [trial.site for trial in once] != [trial.site for trial in other]
    values = held.pieces[0].series.values
    for trial in once:
        truth = values[trial.site.start : trial.site.start + len(trial.shown)]
        assert trial.site.start >= held.pieces[0].first_row
        assert (trial.shown == truth).all(axis=0).any()
        assert (trial.shown != truth).any()


def test_rows_with_gaps_are_tested_too(good: Detector) -> None:
    values = readings(2600, SENSORS)
    values[2400:2430, 2] = np.nan
    values[2460:2490] = np.nan
    held = held_out(values)
    performance = measure(good, DEFINITION, held.pieces, gate_trials.prepare(held, QUICK, 0))
    assert np.isfinite(performance.fault_ranks).all()
    assert performance.fault_ranks.mean() > 0.55
