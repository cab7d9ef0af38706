"""The methods and the cases of the study of alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.studies.quality.alarms.cases import AlarmCase
from tests.studies.quality.alarms.methods import AlarmMethod
from tests.studies.quality.alarms.product import Product


class MakeCase(Protocol):
    """Makes a case in the process that measures it."""

    def __call__(self, data: Path | None, **arguments: Any) -> AlarmCase:
        """Make the case from the folder of labelled data and the arguments of its recipe.

        :raises UsageError: when the case needs labelled data that are not there.
        """


@dataclass(frozen=True, kw_only=True)
class CaseRecipe:
    """A case by the name of its maker, and by arguments that JSON can hold.

    ``suite`` is the title of its lines in the tables; the figures of all recipes of a suite are added up.
    """

    suite: str
    maker: str
    arguments: dict[str, Any] = field(default_factory=dict)


METHODS: Mapping[str, Callable[[], AlarmMethod]] = {"tfstream": Product}
MAKERS: Mapping[str, MakeCase] = {}


def recipes(seeds: int) -> list[CaseRecipe]:
    """All cases in the order of the tables; ``seeds`` is the number of simulated plants of each kind."""
    return []
