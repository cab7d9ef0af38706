"""One configuration is passed down to every step of a refit; no step makes its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tfstream
from tests.studies.simulated_readings import SECOND_US, names, readings, series
from tfstream.app.training.refit import Refit
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig

QUICK = DetectorConfig(steps=2)
# The program's own configuration: what a stored model must agree with to be loaded and to score.
COMPARED = ("app/detection/champion.py", "model/bundle.py")


def test_a_refit_is_by_the_products_configuration_unless_the_options_say_otherwise() -> None:
    assert TrainingOptions().config == DetectorConfig()


def test_a_refit_fits_with_the_configuration_of_its_options() -> None:
    definition = StreamDefinition(topic="plant", sensors=names(2), interval_us=SECOND_US)
    options = TrainingOptions(seed=3, config=QUICK)
    fitted = Refit(definition, options, lambda stage, done: None).fit_without_test([series(readings(300, 2))])
    assert fitted.detector.config is QUICK
    assert fitted.detector.history["steps"] == QUICK.steps


def test_no_step_makes_a_configuration_of_its_own() -> None:
    assert sorted(set(callers_of("DetectorConfig"))) == sorted(COMPARED)


def callers_of(name: str) -> Iterator[str]:
    """The files of the program that call ``name``, by path."""
    package = Path(tfstream.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield path.relative_to(package).as_posix()
