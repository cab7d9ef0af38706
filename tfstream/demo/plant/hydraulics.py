"""The flow of water and its control loops.

Water flows through the intake valve into the raw tank. Transfer pumps move it through a filter into the clear
tank, and boosters lift it into the tower. The tower feeds three zones.

The first axis of every array is the assets. Flows are constant within a step, so a tank's level changes by
exactly ``(in - out - overflow) · step / area``.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from tfstream.demo.plant.flows import Flows, Sizes
from tfstream.demo.plant.signals import Floats

Flags = NDArray[np.bool_]

VALVES = ("MV101_POS", "PCV301_POS", "PCV302_POS", "PCV303_POS")  # valves that an attack can force

RAW_BAND, RAW_OVERFLOW_LEVEL = (2.2, 3.6), 5.0  # the intake opens below the band and closes above it
CLEAR_BAND, CLEAR_OVERFLOW_LEVEL = (2.4, 3.6), 4.6  # the transfer pump starts below the band
TOWER_SETPOINT, TOWER_OVERFLOW_LEVEL = 5.5, 7.5
TOWER_ASSIST_BAND = (5.15, 5.6)  # the second booster starts below the band
LOCKOUT_LEVEL = 0.6  # pumps stop below this level of the tank that feeds them
ZONE_PRESSURE = 4.2  # setpoint
TOWER_HEAD = 5.0  # pressure of the tower's floor in the zones
BAR_PER_METRE = 0.0981
IDLE_SPEED = 0.3  # the booster moves no water below this speed
TRAVEL_PER_MINUTE = 0.5  # of a motor valve's full travel
BACKWASH_BAND = (1.0, 18.0)  # filter resistance in kPa; a backwash starts above the band and ends below it
BACKWASH_REMAINING = 0.7  # of the resistance after each minute of backwash


class Waterworks:
    """All waterworks, with the state that one step leaves to the next."""

    def __init__(self, sizes: Sizes, *, step_minutes: float) -> None:
        assets = len(sizes.raw_area)
        self._sizes = sizes
        self._step_minutes = step_minutes
        self._raw, self._clear = np.full(assets, 3.0), np.full(assets, 3.0)
        self._tower = np.full(assets, TOWER_SETPOINT)
        self._intake_open = np.ones(assets, np.bool_)
        self._transfer_on = np.ones(assets, np.bool_)
        self._pump_1_on_duty = np.ones(assets, np.bool_)  # the transfer pumps alternate
        self._assist_on = np.zeros(assets, np.bool_)
        self._washing = np.zeros(assets, np.bool_)
        self._integral = np.full(assets, 0.7)
        self._valves = np.full((assets, len(VALVES)), 0.5)
        self._fouling = np.linspace(2.0, BACKWASH_BAND[1] - 2.0, assets)

    def step(self, demand: Floats, turbidity: Floats, forced: Floats) -> Flows:
        """Advance by one step.

        :param demand: ``[assets, zones]``, flow at the pressure setpoint.
        :param turbidity: ``[assets]``, NTU.
        :param forced: ``[assets, valves]``, positions under attack; NaN where the valve is under control.
        """
        self._switch()
        speed = self._booster_speed()
        self._move_valves(forced)
        transfer, (booster, assist) = self._transfer(), self._lift(speed)
        intake = self._valves[:, 0] * self._sizes.intake * (1.0 - 0.03 * self._raw)
        zone_flow, pressure = self._zones(demand)
        state = self._state()
        overflows = self._fill_tanks(intake, transfer, booster + assist, zone_flow.sum(axis=1))
        self._foul_filter(transfer, turbidity)
        self._trim_zone_valves(pressure)
        return Flows(
            **state,
            **overflows,
            intake=intake,
            transfer_1=np.where(self._pump_1_on_duty, transfer, 0.0),
            transfer_2=np.where(self._pump_1_on_duty, 0.0, transfer),
            booster_speed=speed,
            booster=booster,
            assist=assist,
            zone_flow=zone_flow,
            zone_pressure=pressure,
        )

    def _state(self) -> dict[str, Floats]:
        """Levels, valve positions and filter resistance before the flows of this step change them."""
        valves = self._valves.copy()
        return {
            "raw_level": self._raw,
            "clear_level": self._clear,
            "tower_level": self._tower,
            "intake_valve": valves[:, 0],
            "zone_valve": valves[:, 1:],
            "fouling": self._fouling,
        }

    def _switch(self) -> None:
        """Switch the intake and the pumps by level. The transfer pumps alternate at each start."""
        self._intake_open = _hysteresis(self._intake_open, self._raw, RAW_BAND)
        was_on = self._transfer_on
        self._transfer_on = _hysteresis(was_on, self._clear, CLEAR_BAND)
        self._pump_1_on_duty = self._pump_1_on_duty ^ (self._transfer_on & ~was_on)
        self._assist_on = _hysteresis(self._assist_on, self._tower, TOWER_ASSIST_BAND)

    def _booster_speed(self) -> Floats:
        """PI control of the tower's level, with the integral limited to the range of the drive."""
        error = TOWER_SETPOINT - self._tower
        self._integral = np.clip(self._integral + 0.004 * self._step_minutes * error, IDLE_SPEED, 1.0)
        return np.clip(self._integral + 0.25 * error, IDLE_SPEED, 1.0)

    def _move_valves(self, forced: Floats) -> None:
        """Move every motor valve towards its position, no faster than the motor."""
        target = self._valves.copy()
        target[:, 0] = self._intake_open
        target = np.where(np.isnan(forced), target, forced)
        travel = TRAVEL_PER_MINUTE * self._step_minutes
        self._valves = self._valves + np.clip(target - self._valves, -travel, travel)

    def _transfer(self) -> Floats:
        """A full raw tank increases the flow, a fouled filter reduces it."""
        head = 1.0 + 0.04 * (self._raw - self._clear) - 0.006 * self._fouling
        return np.where(self._transfer_on & (self._raw > LOCKOUT_LEVEL), self._sizes.transfer * head, 0.0)

    def _lift(self, speed: Floats) -> tuple[Floats, Floats]:
        """The flows of the two boosters; the height of the tower's level reduces the second."""
        enabled = self._clear > LOCKOUT_LEVEL
        load = (speed - IDLE_SPEED) / (1.0 - IDLE_SPEED)
        booster = np.where(enabled, self._sizes.booster * load, 0.0)
        head = 1.0 - 0.03 * (self._tower - TOWER_SETPOINT)
        return booster, np.where(enabled & self._assist_on, self._sizes.assist * head, 0.0)

    def _zones(self, demand: Floats) -> tuple[Floats, Floats]:
        """Flow q and pressure p: taps, q = d·√(p/p₀), and valve, p = H - (q/c)², in series, solved for q."""
        head = (TOWER_HEAD + BAR_PER_METRE * self._tower)[:, None]
        conductance = self._sizes.zone_valve * np.maximum(self._valves[:, 1:], 0.01)
        flow = demand * np.sqrt(head / (ZONE_PRESSURE + (demand / conductance) ** 2))
        flow *= (self._tower > LOCKOUT_LEVEL)[:, None]
        return flow, ZONE_PRESSURE * (flow / demand) ** 2

    def _trim_zone_valves(self, pressure: Floats) -> None:
        """Open a zone's valve where the pressure is too low, close it where it is too high."""
        move = np.clip(0.12 * (ZONE_PRESSURE - pressure), -0.1, 0.1) * self._step_minutes
        self._valves[:, 1:] = np.clip(self._valves[:, 1:] + move, 0.0, 1.0)

    def _fill_tanks(
        self, intake: Floats, transfer: Floats, lifted: Floats, used: Floats
    ) -> dict[str, Floats]:
        """Integrate the levels of the three tanks, and return their overflows in m³/h."""
        sizes, hours = self._sizes, self._step_minutes / 60.0
        self._raw, raw_overflow = _fill_tank(
            self._raw, intake - transfer, sizes.raw_area, RAW_OVERFLOW_LEVEL, hours
        )
        self._clear, clear_overflow = _fill_tank(
            self._clear, transfer - lifted, sizes.clear_area, CLEAR_OVERFLOW_LEVEL, hours
        )
        self._tower, tower_overflow = _fill_tank(
            self._tower, lifted - used, sizes.tower_area, TOWER_OVERFLOW_LEVEL, hours
        )
        return {
            "raw_overflow": raw_overflow,
            "clear_overflow": clear_overflow,
            "tower_overflow": tower_overflow,
        }

    def _foul_filter(self, transfer: Floats, turbidity: Floats) -> None:
        filtering = _hysteresis(~self._washing, self._fouling, BACKWASH_BAND)
        self._washing = ~filtering
        dirt = 0.009 * turbidity * transfer / self._sizes.transfer * self._step_minutes
        remaining = np.where(self._washing, BACKWASH_REMAINING**self._step_minutes, 1.0)
        self._fouling = self._fouling * remaining + dirt


def simulate_flows(
    sizes: Sizes, demand: Floats, turbidity: Floats, forced: Floats, *, step_minutes: float
) -> Flows:
    """Simulate a step per row; the parameters are those of :meth:`Waterworks.step`, with the rows first."""
    works = Waterworks(sizes, step_minutes=step_minutes)
    steps = [works.step(*row) for row in zip(demand, turbidity, forced, strict=True)]
    return Flows(**{f.name: np.stack([getattr(step, f.name) for step in steps]) for f in fields(Flows)})


def _hysteresis(on: Flags, level: Floats, band: tuple[float, float]) -> Flags:
    """On below the band, off above it, unchanged inside."""
    return (on | (level < band[0])) & (level <= band[1])


def _fill_tank(
    level: Floats, net_flow: Floats, area: Floats, overflow_level: float, hours: float
) -> tuple[Floats, Floats]:
    """The new level, and the overflow in m³/h."""
    unlimited = level + net_flow * hours / area
    return np.minimum(unlimited, overflow_level), np.maximum(unlimited - overflow_level, 0.0) * area / hours
