"""A refit does not learn a fault that nobody has noticed, and learns all normal rows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.simulated_readings import names
from tests.unit.model.witnesses.steady_plant import SENSORS, steady_plant
from tfstream.app.training.spans_standing_out import NormalSelection, NormalSelector
from tfstream.core.reading import Series, Values
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector

INTERVAL_US = 60_000_000
ROWS = 16_000  # eleven days
MARGIN = 64
FAULTS = (2_000, 9_500)
FAULT_ROWS = 150
DEFINITION = StreamDefinition(topic="plant", sensors=names(SENSORS), interval_us=INTERVAL_US)
NORMAL = steady_plant(ROWS, seed=5)


def with_faults(*firsts: int, rows: int = FAULT_ROWS) -> Values:
    """The plant with a sensor that is wrong by one and a half deviations for ``rows`` rows at a time."""
    values = NORMAL.copy()
    for first in firsts:
        values[first : first + rows, 2] += 1.5 * NORMAL[:, 2].std()
    return values


def as_series(values: Values) -> list[Series]:
    return [Series("x", np.arange(len(values), dtype=np.int64) * INTERVAL_US, values)]


def select(
    values: Values, champion: Detector | None = None, judged: tuple[Span, ...] = ()
) -> NormalSelection:
    selector = NormalSelector(definition=DEFINITION, margin_rows=MARGIN, judged={"x": judged})
    return selector.select(as_series(values), champion)


def left_out(selection: NormalSelection) -> set[int]:
    learnt = np.concatenate([piece.times_us // INTERVAL_US for piece in selection.series])
    return set(range(ROWS)).difference(learnt.tolist())


@pytest.fixture(scope="module")
def champion() -> Detector:
    learnt = as_series(steady_plant(ROWS, seed=6))
    return fit(learnt, DEFINITION.sensors, INTERVAL_US, DetectorConfig(steps=2), 0, lambda stage, done: None)


def test_a_first_model_does_not_learn_two_faults() -> None:
    shown = with_faults(*FAULTS)
    before = shown.copy()
    selection = select(shown)
    rows = left_out(selection)
    assert rows.issuperset(row for first in FAULTS for row in range(first, first + FAULT_ROWS))
    assert len(rows) < 2 * (FAULT_ROWS + 4 * MARGIN)
    assert all(span.sensors[0] == "s2" for span in selection.spans)
    assert len(selection.notes) == 2
    assert selection.cells == len(rows) * SENSORS
    assert np.array_equal(shown, before)


def test_normal_rows_are_learnt(champion: Detector) -> None:
    assert left_out(select(NORMAL)) == set()
    assert left_out(select(NORMAL, champion)) == set()


def test_the_champion_knows_a_fault_of_which_the_span_is_full(champion: Detector) -> None:
    """Half of what the span has of one kind of rows hides it from a fit to the span alone."""
    shown = with_faults(*range(500, ROWS - 500, 2_400))
    compared = {span.compared_with for span in select(shown, champion).spans}
    assert "the champion" in compared


def test_series_without_a_value_are_left_to_the_fit() -> None:
    empty = as_series(np.full((200, SENSORS), np.nan, dtype=np.float32))
    selector = NormalSelector(definition=DEFINITION, margin_rows=MARGIN)
    assert selector.select([], None).series == []
    assert selector.select(empty, None).series == empty


def test_a_judged_span_is_learnt() -> None:
    first = FAULTS[1] * INTERVAL_US
    judged = select(with_faults(FAULTS[1]), judged=(Span(first, first + 10 * INTERVAL_US),))
    assert left_out(judged) == set()
    assert left_out(select(with_faults(FAULTS[1])))


def test_an_asset_that_mostly_stands_out_is_learnt_as_it_is(champion: Detector) -> None:
    selection = select(with_faults(*range(500, ROWS, 1_000), rows=300), champion)
    assert selection.unknown
    assert "more than 20% of its rows stand out" in selection.notes[-1]
