"""The study of alarms: what an operator sees of a fault, and what it costs in false alarms."""

from tests.studies.quality.alarms.alarm_tables import section
from tests.studies.quality.alarms.study_part import measure

__all__ = ["measure", "section"]
