"""The targets of the study of alarms, and whether the product meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.studies.markdown import figure, met, table
from tests.studies.quality.alarms.suite_figures import Line

_TEP = "Tennessee Eastman"
_PEERS = ("CVA", "random cut forest")
_MORE_IS_BETTER = {"found": True, "within_4h": True, "median_minutes": False, "p75_minutes": False}
_PLANTS = ("60 s", "10 s", "means of 5 min", "1 s")


class AlarmTarget(NamedTuple):
    """A figure of a suite's part and its bound: ``least``, or else ``most``."""

    what: str
    suite: str
    part: str
    value: Callable[[Line], float | None]
    least: float | None = None
    most: float | None = None

    def row(self, line: Line) -> list[str]:
        """The cells of the table: measured value, target, whether it is met."""
        value = self.value(line)
        bound, words = (self.least, "≥") if self.least is not None else (self.most, "≤")
        assert bound is not None
        reached = value is not None and (value >= bound if self.most is None else value <= bound)
        name = f"{self.suite}: {self.part}, {self.what}"
        return [name, figure(value, 2), f"{words} {figure(bound, 2)}", met(reached)]


def _share(name: str, kind: str | None = None) -> Callable[[Line], float | None]:
    """The share of the faults, of one kind or of all, that a count has."""

    def share(line: Line) -> float | None:
        for found in line["found"] if kind is None else line["kinds"]:
            if kind in (None, found["kind"]) and found[name] is not None:
                return float(found[name] / found["faults"])
        return None

    return share


def _right_of_found(line: Line) -> float | None:
    """The share of the faults with an alarm whose first alarm names a touched sensor first."""
    total = line["found"][0]
    return total["right_first"] / total["by_any_alarm"] if total["by_any_alarm"] else None


def _minutes(name: str) -> Callable[[Line], float | None]:
    return lambda line: line["found"][0][f"{name}_minutes"]


def _false_alarms(line: Line) -> float | None:
    realised: float | None = line["false"]["realised"]
    return realised


def _lower_bound(line: Line) -> float | None:
    bound: float | None = line["false"]["low"]
    return bound


def _longest(line: Line) -> float | None:
    hours: float | None = line.get("longest_h")
    return hours


def _of_plants() -> list[AlarmTarget]:
    return [
        target
        for sampling in _PLANTS
        for suite in [f"demo plant, {sampling}"]
        for target in (
            AlarmTarget("share found", suite, "schedule", _share("found"), least=7.8 / 8),
            AlarmTarget("right sensor first, of found", suite, "schedule", _right_of_found, least=0.95),
            AlarmTarget("lower bound of false a week", suite, "schedule", _lower_bound, most=1.0),
        )
    ]


def _of_shifts() -> list[AlarmTarget]:
    """The shift itself counts as a fault, too: it must be found as before."""
    return [
        target
        for plant in (_TEP, "demo plant")
        for suite in [f"{plant}, shifts that stay"]
        for target in (
            AlarmTarget("share found", suite, "faults within a shift", _share("found"), least=0.85),
            AlarmTarget(
                "lower bound of false a week", suite, "faults within a shift", _lower_bound, most=1.0
            ),
            AlarmTarget("longest, h", suite, "faults within a shift", _longest, most=24.0),
        )
    ]


TARGETS = (
    AlarmTarget("share found", _TEP, "disturbances", _share("found"), least=53 / 56),
    AlarmTarget("share within 4 h", _TEP, "disturbances", _share("within_4h"), least=49 / 56),
    AlarmTarget("median delay, min", _TEP, "disturbances", _minutes("median"), most=33),
    AlarmTarget("p75 of the delay, min", _TEP, "disturbances", _minutes("p75"), most=64),
    AlarmTarget("false a week", _TEP, "disturbances", _false_alarms, most=1.3),
    AlarmTarget("false a week", _TEP, "normal month", _false_alarms, most=1.3),
    AlarmTarget("share found", _TEP, "sensor faults", _share("found"), least=310 / 320),
    AlarmTarget(
        "share of stuck sensors found", _TEP, "sensor faults", _share("found", "stuck"), least=39 / 40
    ),
    AlarmTarget("right sensor first, of found", _TEP, "sensor faults", _right_of_found, least=0.9),
    AlarmTarget("false a week", _TEP, "sensor faults", _false_alarms, most=1.0),
    *_of_plants(),
    AlarmTarget("median delay, min", "demo plant, 10 s", "schedule", _minutes("median"), most=5),
    AlarmTarget("share found", "new plant", "faults of hours", _share("found"), least=8 / 9),
    AlarmTarget("median delay, min", "new plant", "faults of hours", _minutes("median"), most=60),
    *_of_shifts(),
)


def target_table(lines: Sequence[Line], product: str) -> str:
    """The targets whose suites have been measured."""
    by_part = {(line["suite"], line["part"]): line for line in lines if line["method"] == product}
    rows = [
        target.row(line)
        for target in TARGETS
        if (line := by_part.get((target.suite, target.part))) is not None
    ]
    return table(["measured", "value", "target", ""], [*rows, *_beside_peers(lines, product)])


def _beside_peers(lines: Sequence[Line], product: str) -> Iterator[list[str]]:
    """The product beside two peers on the disturbances: in no column behind."""
    by_method = {
        line["method"]: line["found"][0]
        for line in lines
        if (line["suite"], line["part"]) == (_TEP, "disturbances")
    }
    for peer in _PEERS if product in by_method else ():
        for column in _MORE_IS_BETTER if peer in by_method else ():
            yield _peer_row(column, peer, by_method[product][column], by_method[peer][column])


def _peer_row(column: str, peer: str, own: float | None, other: float | None) -> list[str]:
    more, missing = _MORE_IS_BETTER[column], float("inf")  # the delay of a missed fault
    mine, theirs = (missing if value is None else value for value in (own, other))
    name = f"{_TEP}: disturbances, {column.replace('_', ' ')}, beside {peer}"
    bound = f"{'≥' if more else '≤'} {figure(other, 0)}"
    return [name, figure(own, 0), bound, met(mine >= theirs if more else mine <= theirs)]
