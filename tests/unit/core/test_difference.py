"""The differences between two lists of sensors or two sets of settings, in words."""

from __future__ import annotations

import pytest

from tfstream.core.difference import sensors_difference, settings_difference


@pytest.mark.parametrize(
    ("model", "stream", "text"),
    [
        ("abc", "abc", ""),
        ("abc", "abcd", "only the stream has d"),
        ("abcd", "bcd", "only the model has a"),
        ("abc", "acb", "moved: b (2 in the model, 3 in the stream), c (3 in the model, 2 in the stream)"),
        ("abc", "xab", "only the model has c; only the stream has x"),
        ("", "abcdefg", "only the stream has a, b, c, d, e and 2 more"),
    ],
)
def test_the_difference_of_two_sensor_lists(model: str, stream: str, text: str) -> None:
    assert sensors_difference(tuple(model), tuple(stream)) == text


def test_the_difference_of_two_sets_of_settings() -> None:
    assert settings_difference({"a": 1, "b": 2}, {"a": 1, "b": 2}) == ""
    text = settings_difference({"a": 1, "b": 2, "old": 3}, {"a": 1, "b": 4, "new": 5})
    assert text == "only the model has old; only this program has new; b: 2 in the model, 4 here"
