"""Champion and challenger on the same rows: what is as good takes over, what is broken does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tests.studies.simulated_readings import SECOND_US, names, readings, series
from tfstream.app.scoring.champion import Champion
from tfstream.app.training import gate
from tfstream.app.training.gate import ComparableChampion, Gate, comparable_champion, unjudged
from tfstream.app.training.performance import measure
from tfstream.core.learning.held_out import HeldOut, hold_out
from tfstream.core.learning.promotion_rule import GateDecision
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
    found = hold_out([series(values)], SECOND_US)
    assert found is not None
    return found


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


NOBODY = ComparableChampion(row=None, model=None)


def judge(held: HeldOut, champion: ComparableChampion, challenger: Detector) -> GateDecision:
    return Gate(DEFINITION, held, champion, challenger.config, 0).judge(challenger).verdict


def broken_checks(verdict: GateDecision) -> list[str]:
    return [check.what for check in verdict.checks if check.holds is False]


def test_an_equal_challenger_takes_over(held: HeldOut, good: Detector) -> None:
    """The same fit, and one with another seed."""
    same = judge(held, champion(good, held), good)
    other = judge(held, champion(good, held), fitted(held.learn, seed=1))
    assert (same.promote, other.promote) == (True, True)
    assert same.checks[2].challenger == same.checks[2].champion
    assert 0.6 < same.checks[2].challenger < 0.95
    assert "faults found (AUC), all kinds" in other.reason


def test_a_challenger_without_weights_is_rejected(held: HeldOut, good: Detector) -> None:
    blind = replace(good, fusion=good.fusion._replace(weight=np.zeros_like(good.fusion.weight)))
    verdict = judge(held, champion(good, held), blind)
    assert not verdict.promote
    assert broken_checks(verdict) == ["faults found (AUC), all kinds"]
    assert verdict.checks[2].challenger == 0.5


def test_a_challenger_that_learnt_from_faults_is_rejected(held: HeldOut, good: Detector) -> None:
    """Every sensor but the first is scrambled: it learns that they have nothing to do with each other."""
    (learn,) = held.learn
    rng = np.random.default_rng(0)
    scrambled = learn.values + 2 * learn.values.std(0) * rng.normal(size=learn.values.shape)
    faulty = fitted([learn._replace(values=scrambled.astype(np.float32))])
    verdict = judge(held, champion(good, held), faulty)
    assert not verdict.promote
    assert "faults found (AUC), all kinds" in broken_checks(verdict)


@pytest.mark.parametrize("there_is_a_champion", [True, False])
def test_a_challenger_that_breaks_the_budget_is_rejected(
    held: HeldOut, good: Detector, there_is_a_champion: bool
) -> None:
    loud = replace(good, calibration=msgspec.structs.replace(good.calibration, u=0.5, sigma=0.01))
    before = champion(good, held) if there_is_a_champion else NOBODY
    verdict = judge(held, before, loud)
    assert not verdict.promote
    assert any("alarm" in what for what in broken_checks(verdict))
    assert verdict.checks[2].holds is (True if there_is_a_champion else None)


def test_rows_that_both_find_strange_keep_no_worse_model_out(held: HeldOut, good: Detector) -> None:
    """The champion stands under alarm: what does so no longer than it takes over, and is known to do so."""
    always = replace(good, calibration=msgspec.structs.replace(good.calibration, u=-100.0, sigma=0.01))
    both = judge(held, champion(always, held), always)
    better = judge(held, champion(always, held), good)
    assert (both.promote, both.usual) == (True, False)
    assert (better.promote, better.usual) == (True, True)


def test_a_fit_again_holds_up_unless_it_went_wrong(held: HeldOut, good: Detector) -> None:
    gate = Gate(DEFINITION, held, NOBODY, QUICK, 0)
    judged = gate.judge(good).performance
    blind = replace(good, fusion=good.fusion._replace(weight=np.zeros_like(good.fusion.weight)))
    assert gate.holds_up(judged, good)
    assert not gate.holds_up(judged, blind)


def test_an_alarm_that_never_ends_breaks_the_budget(held: HeldOut, good: Detector) -> None:
    always = replace(good, calibration=msgspec.structs.replace(good.calibration, u=-100.0, sigma=0.01))
    verdict = judge(held, NOBODY, always)
    assert broken_checks(verdict) == ["share of that time under alarm"]
    assert (verdict.checks[0].challenger, verdict.checks[1].challenger) == (1, 1.0)


def test_a_first_model_is_judged_by_its_alarms(held: HeldOut, good: Detector) -> None:
    verdict = judge(held, NOBODY, good)
    assert verdict.promote
    assert "there is no champion to compare it with" in verdict.notes
    assert verdict.checks[2].holds is None


def test_a_champion_of_other_sensors_cannot_be_compared(held: HeldOut, good: Detector) -> None:
    more = DEFINITION.with_sensors((*DEFINITION.sensors, "new"))
    found = comparable_champion(row(good, held), more, QUICK)
    assert (found.model, "new" in str(found.incomparable)) == (None, True)
    verdict = judge(held, found, good)
    assert verdict.promote
    assert "the champion, version 7, cannot be compared" in verdict.reason


def test_damaged_bytes_and_other_windows_cannot_be_compared(held: HeldOut, good: Detector) -> None:
    damaged = comparable_champion(replace(row(good, held), bundle=b"dust"), DEFINITION, QUICK)
    wider = comparable_champion(row(good, held), DEFINITION, DetectorConfig(window_rows=128))
    assert "damaged" in str(damaged.incomparable)
    assert "another size" in str(wider.incomparable)
    assert comparable_champion(row(good, held), DEFINITION, QUICK).model is not None


def test_a_champion_that_has_seen_the_rows_is_told_of(held: HeldOut, good: Detector) -> None:
    seen = replace(champion(good, held), row=row(good, held, held.from_us))
    assert "has learnt from some of these rows" in judge(held, seen, good).reason
    assert "has learnt" not in judge(held, champion(good, held), good).reason


def test_with_nothing_held_out_only_a_stream_without_a_champion_gets_a_model(
    held: HeldOut, good: Detector
) -> None:
    assert unjudged(NOBODY).promote
    assert not unjudged(champion(good, held)).promote
    assert "too few rows" in unjudged(NOBODY).reason


def test_too_few_held_out_rows_leave_detection_uncompared(good: Detector) -> None:
    held = held_out(readings(2000, SENSORS))
    short = [one._replace(series=one.series._replace(values=one.series.values[:120])) for one in held.recent]
    verdict = judge(held._replace(recent=short), champion(good, held), good)
    assert len(verdict.checks) == 3  # alarms twice, and experience
    assert gate._UNTRIED in verdict.notes


def test_trials_are_seeded_and_spare_what_they_do_not_touch(held: HeldOut) -> None:
    once, again, other = (gate_trials.prepare(held, QUICK, seed) for seed in (0, 0, 1))
    assert len(once) == gate_trials.EACH * 9
    for one, two in zip(once, again, strict=True):
        assert one[:3] == two[:3]
        np.testing.assert_array_equal(one.shown, two.shown)
    assert [trial.place for trial in once] != [trial.place for trial in other]
    recent = held.recent[0].series.values
    for trial in once:
        truth = recent[trial.place.start : trial.place.start + len(trial.shown)]
        assert trial.place.start >= held.recent[0].first_row
        assert (trial.shown == truth).all(axis=0).any()
        assert (trial.shown != truth).any()


def test_rows_with_gaps_are_judged_too(good: Detector) -> None:
    values = readings(2600, SENSORS)
    values[2400:2430, 2] = np.nan
    values[2460:2490] = np.nan
    held = held_out(values)
    found = measure(good, DEFINITION, held.recent, gate_trials.prepare(held, QUICK, 0))
    assert np.isfinite(found.found).all()
    assert found.found.mean() > 0.55
