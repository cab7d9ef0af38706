"""Water and its control loops: intake, raw tank, transfer pumps, clear tank, boosters, tower, three zones.

Levels are in metres, flows in m³/h, pressures in bar, valve positions and speeds between 0 and 1. Every array
has the assets first. Within one step the flows are constant, so that a tank's level changes by exactly
``(in - out - overflow) · step / area``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ZONES = 3
VALVES = ("MV101_POS", "PCV301_POS", "PCV302_POS", "PCV303_POS")  # what an attacker may force

RAW_BAND, RAW_BRIM = (2.2, 3.6), 5.0  # intake opens below, closes above; the overflow weir
CLEAR_BAND, CLEAR_BRIM = (2.4, 3.6), 4.6
TOWER_SETPOINT, TOWER_ASSIST_BAND, TOWER_BRIM = 5.5, (5.15, 5.6), 7.5
DRY = 0.6  # pumps are locked out below this level of the tank they draw from
ZONE_PRESSURE, TOWER_HEAD = 4.2, 5.0  # setpoint of the zones; the tower's floor above them
BAR_PER_METRE = 0.0981
IDLE_SPEED = 0.3  # below it the booster moves no water
TRAVEL_PER_MINUTE = 0.5  # of a motor valve's whole travel
FOULED, BACKWASH_KEEPS = 18.0, 0.7  # filter resistance in kPa that starts a backwash; kept per minute of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What differs between waterworks; ``zone_demand [assets, zones]`` is the mean of a day."""

    raw_area: Floats
    clear_area: Floats
    tower_area: Floats
    intake: Floats
    transfer: Floats
    booster: Floats
    assist: Floats
    zone_demand: Floats
    zone_valve: Floats  # flow at full travel and one bar of difference

    @classmethod
    def draw(cls, rng: np.random.Generator, assets: int) -> Sizes:
        scale = rng.permutation(np.linspace(0.75, 1.35, assets))
        demand = 300.0 * scale[:, None] * rng.dirichlet((45.0, 33.0, 22.0), assets)

        def near(value: float) -> Floats:
            return value * scale * rng.uniform(0.93, 1.07, assets)

        return cls(
            raw_area=near(110.0),
            clear_area=near(90.0),
            tower_area=near(150.0),
            intake=near(640.0),
            transfer=near(540.0),
            booster=near(345.0),
            assist=near(170.0),
            zone_demand=demand,
            zone_valve=demand * 1.6 / 0.86,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Flows:
    """One step (``[assets]`` or ``[assets, zones]``) or, stacked, a run of steps in front."""

    raw_level: Floats
    clear_level: Floats
    tower_level: Floats
    intake_valve: Floats
    intake: Floats
    transfer_1: Floats
    transfer_2: Floats
    booster_speed: Floats
    booster: Floats
    assist: Floats
    zone_flow: Floats
    zone_pressure: Floats
    zone_valve: Floats
    fouling: Floats
    raw_overflow: Floats
    clear_overflow: Floats
    tower_overflow: Floats

    @property
    def transfer(self) -> Floats:
        return self.transfer_1 + self.transfer_2

    @property
    def lifted(self) -> Floats:
        """What the boosters lift into the tower."""
        return self.booster + self.assist


class Waterworks:
    """The state between two steps."""

    def __init__(self, sizes: Sizes, *, step_minutes: float) -> None:
        assets = len(sizes.raw_area)
        self._sizes = sizes
        self._minutes = step_minutes
        self._raw, self._clear = np.full(assets, 3.0), np.full(assets, 3.0)
        self._tower = np.full(assets, TOWER_SETPOINT)
        self._intake_open = np.ones(assets, np.bool_)
        self._transfer_on = np.ones(assets, np.bool_)
        self._duty_first = np.ones(assets, np.bool_)  # the transfer pumps take turns
        self._assist_on = np.zeros(assets, np.bool_)
        self._washing = np.zeros(assets, np.bool_)
        self._integral = np.full(assets, 0.7)
        self._valves = np.full((assets, len(VALVES)), 0.5)
        self._fouling = np.linspace(2.0, FOULED - 2.0, assets)

    def step(self, demand: Floats, turbidity: Floats, forced: Floats) -> Flows:
        """One interval of ``demand [assets, zones]``; ``forced [assets, valves]``, NaN for automatic."""
        self._switch()
        speed = self._booster_speed()
        self._move_valves(forced)
        transfer, (booster, assist) = self._transfer(), self._lift(speed)
        intake = self._valves[:, 0] * self._sizes.intake * (1.0 - 0.03 * self._raw)
        zone_flow, pressure = self._zones(demand)
        before = (self._raw, self._clear, self._tower, self._valves.copy(), self._fouling)
        overflow = self._fill(intake, transfer, booster + assist, zone_flow.sum(axis=1))
        self._foul(transfer, turbidity)
        self._trim_zone_valves(pressure)
        return Flows(
            raw_level=before[0],
            clear_level=before[1],
            tower_level=before[2],
            intake_valve=before[3][:, 0],
            intake=intake,
            transfer_1=np.where(self._duty_first, transfer, 0.0),
            transfer_2=np.where(self._duty_first, 0.0, transfer),
            booster_speed=speed,
            booster=booster,
            assist=assist,
            zone_flow=zone_flow,
            zone_pressure=pressure,
            zone_valve=before[3][:, 1:],
            fouling=before[4],
            raw_overflow=overflow[0],
            clear_overflow=overflow[1],
            tower_overflow=overflow[2],
        )

    def _switch(self) -> None:
        self._intake_open = _hysteresis(self._intake_open, self._raw, RAW_BAND)
        was_on = self._transfer_on
        self._transfer_on = _hysteresis(was_on, self._clear, CLEAR_BAND)
        self._duty_first = self._duty_first ^ (self._transfer_on & ~was_on)
        self._assist_on = _hysteresis(self._assist_on, self._tower, TOWER_ASSIST_BAND)

    def _booster_speed(self) -> Floats:
        """PI control of the tower's level, the integral held inside what the drive can do."""
        error = TOWER_SETPOINT - self._tower
        self._integral = np.clip(self._integral + 0.004 * self._minutes * error, IDLE_SPEED, 1.0)
        return np.clip(self._integral + 0.25 * error, IDLE_SPEED, 1.0)

    def _move_valves(self, forced: Floats) -> None:
        target = self._valves.copy()
        target[:, 0] = self._intake_open
        target = np.where(np.isnan(forced), target, forced)
        travel = TRAVEL_PER_MINUTE * self._minutes
        self._valves = self._valves + np.clip(target - self._valves, -travel, travel)

    def _transfer(self) -> Floats:
        """More water with a full tank to draw from, less through a fouled filter."""
        head = 1.0 + 0.04 * (self._raw - self._clear) - 0.006 * self._fouling
        return np.where(self._transfer_on & (self._raw > DRY), self._sizes.transfer * head, 0.0)

    def _lift(self, speed: Floats) -> tuple[Floats, Floats]:
        wet = self._clear > DRY
        moved = (speed - IDLE_SPEED) / (1.0 - IDLE_SPEED)
        booster = np.where(wet, self._sizes.booster * moved, 0.0)
        against = 1.0 - 0.03 * (self._tower - TOWER_SETPOINT)
        return booster, np.where(wet & self._assist_on, self._sizes.assist * against, 0.0)

    def _zones(self, demand: Floats) -> tuple[Floats, Floats]:
        """Taps and valve in series, q = d·√(p/p₀) and p = H - (q/c)², solved for q."""
        head = (TOWER_HEAD + BAR_PER_METRE * self._tower)[:, None]
        conductance = self._sizes.zone_valve * np.maximum(self._valves[:, 1:], 0.01)
        flow = demand * np.sqrt(head / (ZONE_PRESSURE + (demand / conductance) ** 2))
        flow *= (self._tower > DRY)[:, None]
        return flow, ZONE_PRESSURE * (flow / demand) ** 2

    def _trim_zone_valves(self, pressure: Floats) -> None:
        move = np.clip(0.12 * (ZONE_PRESSURE - pressure), -0.1, 0.1) * self._minutes
        self._valves[:, 1:] = np.clip(self._valves[:, 1:] + move, 0.0, 1.0)

    def _fill(
        self, intake: Floats, transfer: Floats, lifted: Floats, used: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Integrate the three tanks; what a brim cannot hold runs over, in m³/h."""
        sizes, hours = self._sizes, self._minutes / 60.0
        self._raw, raw_over = _level(self._raw, intake - transfer, sizes.raw_area, RAW_BRIM, hours)
        self._clear, clear_over = _level(self._clear, transfer - lifted, sizes.clear_area, CLEAR_BRIM, hours)
        self._tower, tower_over = _level(self._tower, lifted - used, sizes.tower_area, TOWER_BRIM, hours)
        return raw_over, clear_over, tower_over

    def _foul(self, transfer: Floats, turbidity: Floats) -> None:
        self._washing = _hysteresis(~self._washing, self._fouling, (1.0, FOULED)) ^ True
        dirt = 0.009 * turbidity * transfer / self._sizes.transfer * self._minutes
        washed = np.where(self._washing, BACKWASH_KEEPS**self._minutes, 1.0)
        self._fouling = self._fouling * washed + dirt


def run(sizes: Sizes, demand: Floats, turbidity: Floats, forced: Floats, *, step_minutes: float) -> Flows:
    """``demand [rows, assets, zones]``, ``turbidity [rows, assets]``, ``forced [rows, assets, valves]``."""
    works = Waterworks(sizes, step_minutes=step_minutes)
    steps = [works.step(*row) for row in zip(demand, turbidity, forced, strict=True)]
    return Flows(**{f.name: np.stack([getattr(step, f.name) for step in steps]) for f in fields(Flows)})


def _hysteresis(on: Flags, level: Floats, band: tuple[float, float]) -> Flags:
    """On below the band, off above it, as it was within."""
    return (on | (level < band[0])) & (level <= band[1])


def _level(level: Floats, net: Floats, area: Floats, brim: float, hours: float) -> tuple[Floats, Floats]:
    free = level + net * hours / area
    return np.minimum(free, brim), np.maximum(free - brim, 0.0) * area / hours
