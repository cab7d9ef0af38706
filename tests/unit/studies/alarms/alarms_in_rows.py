"""Alarms of the tests, in rows."""

from __future__ import annotations

from tests.studies.quality.alarms.methods import NamedAlarm


def alarm(first: int, raised: int, stop: int, *sensors: str) -> NamedAlarm:
    return NamedAlarm(first=first, raised=raised, stop=stop, sensors=sensors, witness="score")
