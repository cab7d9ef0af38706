"""The cases and the product as a method."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.quality.alarms.demo_plant_cases import averaged, demo_plant
from tests.studies.quality.alarms.new_plant_cases import new_plant
from tests.studies.quality.alarms.product import FittedProduct, Product
from tests.studies.quality.alarms.registry import MAKERS, recipes
from tests.studies.quality.settings import QualitySettings
from tests.studies.simulated_readings import names, readings, series
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS, StreamDefinition
from tfstream.model.detector_config import DetectorConfig


class TestProduct:
    """The product's own fit, rule and gate, with a tenth of the training steps."""

    rows = 2400
    values = readings(rows, 6)
    definition = StreamDefinition(topic="t", sensors=names(6), interval_us=MICROSECONDS)
    product = Product(config=DetectorConfig(steps=20))

    def test_an_alarm_names_the_sensor_and_a_refit_passes_or_keeps_the_champion(self) -> None:
        learnt = series(self.values[:1600])
        fitted = self.product.fit([learnt], self.definition, 0)
        shown = self.values.copy()
        shown[2000:2100, 2] += 5 * shown[:, 2].std()
        alarms = fitted.alarms(series(shown), 1600)
        within = [alarm for alarm in alarms if 2000 < alarm.raised <= 2100]
        assert within
        assert within[0].sensors[0] == "s2"
        assert within[0].blame["s2"] > 0.5
        assert all(alarm.first >= 1600 for alarm in alarms)
        again = self.product.fit([series(self.values[:2000])], self.definition, 0, champion=fitted)
        assert isinstance(again, FittedProduct)
        assert again is fitted or again.fitted.rows == 2000


class TestCases:
    def test_faults_keep_their_time_at_every_sampling(self) -> None:
        minute = demo_plant(None, seed=0, interval_s=60, learn_days=0.25)
        means = demo_plant(None, seed=0, interval_s=60, learn_days=0.25, average=5)
        assert sum(len(run.faults) for run in minute.runs) == 8
        for fine, coarse in zip(minute.runs, means.runs, strict=True):
            assert [fault.first // 5 for fault in fine.faults] == [fault.first for fault in coarse.faults]
            assert len(fine.series.values) == 5 * len(coarse.series.values)

    def test_means_of_rows(self) -> None:
        part = Series("x", np.arange(7, dtype=np.int64), np.arange(14, dtype=np.float32).reshape(7, 2))
        assert averaged(part, 3).values.tolist() == [[2, 3], [8, 9]]
        assert averaged(part, 3).times_us.tolist() == [0, 3]

    def test_a_ridge_on_the_other_sensors_separates_the_faults_of_the_new_plant(self) -> None:
        case = new_plant(None, seed=0)
        sensors = case.definition.sensors
        for run, learnt in zip(case.runs, case.learn, strict=True):
            mean, deviation = learnt.values.mean(axis=0), learnt.values.std(axis=0)
            standard, shown = (learnt.values - mean) / deviation, (run.series.values - mean) / deviation
            for fault in run.faults:
                sensor = sensors.index(fault.sensors[0])
                others = np.delete(np.arange(len(sensors)), sensor)
                known = standard[:, others]
                ridge = np.linalg.solve(
                    known.T @ known + 50 * np.eye(len(others)), known.T @ standard[:, sensor]
                )
                error = np.convolve(shown[:, sensor] - shown[:, others] @ ridge, np.ones(30) / 30, "same")
                usual = np.abs(error[: len(standard) - 30]).max()
                assert np.abs(error[fault.first : fault.stop]).max() > 3 * usual, fault

    def test_every_recipe_has_a_maker_and_a_reduced_run_has_fewer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TFSTREAM_TEP_RUNS", "more")
        whole = recipes(QualitySettings(data=None))
        assert {recipe.maker for recipe in whole} == set(MAKERS)
        assert len(recipes(QualitySettings(data=None, files=1))) < len(whole) / 3
