"""Stream definitions."""

from __future__ import annotations

import pytest

from tfstream.core.stream import StreamDefinition, TimeUnit
from tfstream.errors import ConfigurationError


@pytest.mark.parametrize(
    "wrong",
    [
        {"sensors": ()},
        {"sensors": ("a", "a")},
        {"interval_us": 0},
        {"lateness_us": -1},
        {"min_duration_us": -1},
        {"alarm_budget_per_week": 0.0},
        {"alarm_budget_per_week": float("inf")},
        {"topic": ""},
    ],
)
def test_a_wrong_definition_is_refused(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"topic": "t", "sensors": ("a",), "interval_us": 1, **wrong}
    with pytest.raises(ConfigurationError):
        StreamDefinition(**fields)  # type: ignore[arg-type]


def test_definitions_survive_json() -> None:
    definition = StreamDefinition(topic="t", sensors=("a", "ü"), interval_us=7, time_unit=TimeUnit.RECORD)
    assert StreamDefinition.from_json(definition.to_json()) == definition
