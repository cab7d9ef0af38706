"""Witnesses that the tests of one process share."""

from __future__ import annotations

import pytest

from tests.unit.model.witnesses.steady_plant import LEARNT_ROWS, FittedWitnesses, fit_to, steady_plant


@pytest.fixture(scope="session")
def fitted() -> FittedWitnesses:
    return fit_to(steady_plant(LEARNT_ROWS))
