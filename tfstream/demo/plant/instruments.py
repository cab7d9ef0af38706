"""The sensors of a waterworks: what each sensor measures, its unit and its noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfstream.demo.plant.flows import ZONES, Flows, Sizes
from tfstream.demo.plant.hydraulics import BAR_PER_METRE
from tfstream.demo.plant.signals import Floats, NoiseSource, first_order_lag
from tfstream.demo.plant.weather import Weather


@dataclass(frozen=True, slots=True)
class Instrument:
    """The unit of a sensor, and the standard deviation of its noise in that unit."""

    unit: str
    noise: float


INSTRUMENTS = {
    "TIT001_AIR": Instrument("°C", 0.1),
    "TIT101_RAW": Instrument("°C", 0.05),
    "AIT101_TURB": Instrument("NTU", 0.08),
    "AIT102_COND": Instrument("µS/cm", 0.8),
    "AIT103_PH": Instrument("pH", 0.006),
    "MV101_POS": Instrument("%", 0.15),
    "FIT101_FLOW": Instrument("m³/h", 2.0),
    "LIT101_LEVEL": Instrument("m", 0.006),
    "P101_RUN": Instrument("", 0.0),
    "P102_RUN": Instrument("", 0.0),
    "P101_AMPS": Instrument("A", 0.4),
    "P102_AMPS": Instrument("A", 0.4),
    "P101_VIB": Instrument("mm/s", 0.05),
    "P102_VIB": Instrument("mm/s", 0.05),
    "P101_BRG_TEMP": Instrument("°C", 0.15),
    "P102_BRG_TEMP": Instrument("°C", 0.15),
    "PIT101_PRESS": Instrument("bar", 0.012),
    "FIT201_FLOW": Instrument("m³/h", 2.0),
    "DPIT201_FILTER": Instrument("kPa", 0.12),
    "P203_COAG_DOSE": Instrument("l/h", 0.06),
    "AIT201_TURB": Instrument("NTU", 0.004),
    "P204_CL2_DOSE": Instrument("l/h", 0.02),
    "AIT202_CL2": Instrument("mg/l", 0.008),
    "AIT203_PH": Instrument("pH", 0.006),
    "AIT204_ORP": Instrument("mV", 1.2),
    "LIT201_LEVEL": Instrument("m", 0.006),
    "P201_SPEED": Instrument("%", 0.15),
    "P202_RUN": Instrument("", 0.0),
    "P201_AMPS": Instrument("A", 0.5),
    "P202_AMPS": Instrument("A", 0.4),
    "P201_POWER": Instrument("kW", 0.3),
    "P201_VIB": Instrument("mm/s", 0.05),
    "P202_VIB": Instrument("mm/s", 0.05),
    "P201_BRG_TEMP": Instrument("°C", 0.15),
    "PIT201_PRESS": Instrument("bar", 0.012),
    "FIT202_FLOW": Instrument("m³/h", 2.0),
    "LIT301_LEVEL": Instrument("m", 0.006),
    "FIT301_FLOW": Instrument("m³/h", 0.8),
    "FIT302_FLOW": Instrument("m³/h", 0.8),
    "FIT303_FLOW": Instrument("m³/h", 0.8),
    "PIT301_PRESS": Instrument("bar", 0.012),
    "PIT302_PRESS": Instrument("bar", 0.012),
    "PIT303_PRESS": Instrument("bar", 0.012),
    "PCV301_POS": Instrument("%", 0.15),
    "PCV302_POS": Instrument("%", 0.15),
    "PCV303_POS": Instrument("%", 0.15),
    "AIT301_CL2": Instrument("mg/l", 0.008),
    "JIT001_POWER": Instrument("kW", 0.8),
}
SENSORS = tuple(INSTRUMENTS)
_CHLORINE_SETPOINT = 0.8  # mg/l after the treatment


def exact_readings(flows: Flows, weather: Weather, sizes: Sizes, row_minutes: float) -> Floats:
    """Return noise-free readings ``[rows, assets, sensors]``, in the order of :data:`SENSORS`."""
    exact = {
        **_intake(flows, weather),
        **_pump("P101", flows.transfer_1, sizes.transfer, weather, row_minutes),
        **_pump("P102", flows.transfer_2, sizes.transfer, weather, row_minutes),
        **_pump("P201", flows.booster, sizes.booster, weather, row_minutes),
        **_pump("P202", flows.assist, sizes.assist, weather, row_minutes),
        **_treatment(flows, weather, sizes, row_minutes),
        **_boosters(flows, sizes),
        **_zones(flows),
    }
    exact["AIT301_CL2"] = _network_chlorine(exact["AIT202_CL2"], flows, weather, sizes, row_minutes)
    exact["JIT001_POWER"] = (
        6.0
        + exact["P201_POWER"]
        + 0.55 * sum((exact[f"{pump}_AMPS"] for pump in ("P101", "P102", "P202")), np.zeros_like(weather.air))
    )
    return np.stack([exact[name] for name in SENSORS], axis=-1)


def add_noise(exact: Floats, noise: NoiseSource) -> Floats:
    """Return the readings with instrument noise, not below zero unless the sensor is a thermometer."""
    deviation = np.array([instrument.noise for instrument in INSTRUMENTS.values()])
    lowest = np.array([-np.inf if instrument.unit == "°C" else 0.0 for instrument in INSTRUMENTS.values()])
    noisy: Floats = np.maximum(exact + noise.normal("instruments", exact.shape) * deviation, lowest)
    return noisy


def _intake(flows: Flows, weather: Weather) -> dict[str, Floats]:
    return {
        "TIT001_AIR": weather.air,
        "TIT101_RAW": weather.river,
        "AIT101_TURB": weather.turbidity,
        "AIT102_COND": weather.conductivity,
        "AIT103_PH": weather.ph,
        "MV101_POS": 100.0 * flows.intake_valve,
        "FIT101_FLOW": flows.intake,
        "LIT101_LEVEL": flows.raw_level,
    }


def _pump(tag: str, flow: Floats, rated: Floats, weather: Weather, row_minutes: float) -> dict[str, Floats]:
    """Current and vibration follow the load; the bearing warms up within half an hour."""
    load = flow / rated
    running = load > 0.0
    warmth = first_order_lag(np.where(running, 8.0 + 16.0 * load, 0.0), 25.0 / row_minutes)
    return {
        f"{tag}_RUN": running.astype(np.float64),
        f"{tag}_AMPS": np.where(running, rated * (0.03 + 0.09 * load), 0.0),
        f"{tag}_VIB": np.where(running, 1.1 + 0.9 * load**2, 0.08),
        f"{tag}_BRG_TEMP": 6.0 + weather.air + warmth,
    }


def _treatment(flows: Flows, weather: Weather, sizes: Sizes, row_minutes: float) -> dict[str, Floats]:
    load = flows.transfer / sizes.transfer
    settled = first_order_lag(weather.turbidity, 30.0 / row_minutes)  # the basins smooth the river's changes
    needed = 0.3 + 0.05 * settled + 0.015 * (weather.river - 12.0)  # mg/l of chlorine that the water consumes
    dosed = _CHLORINE_SETPOINT + first_order_lag(needed, 20.0 / row_minutes)
    chlorine = first_order_lag(dosed - needed, 8.0 / row_minutes)
    ph = weather.ph - 0.02 * settled
    return {
        "PIT101_PRESS": 0.35 + 1.5 * load**2 + 0.01 * flows.fouling + BAR_PER_METRE * flows.clear_level,
        "FIT201_FLOW": flows.transfer,
        "DPIT201_FILTER": (4.0 + flows.fouling) * first_order_lag(load, 1.5 / row_minutes) ** 1.5,
        "P203_COAG_DOSE": 0.004 * flows.transfer * weather.turbidity,
        "AIT201_TURB": 0.08 + 0.02 * settled + 0.004 * flows.fouling,
        "P204_CL2_DOSE": 0.02 * flows.transfer * dosed,
        "AIT202_CL2": chlorine,
        "AIT203_PH": ph,
        "AIT204_ORP": 690.0 + 240.0 * (chlorine - _CHLORINE_SETPOINT) - 60.0 * (ph - 7.6),
        "LIT201_LEVEL": flows.clear_level,
    }


def _boosters(flows: Flows, sizes: Sizes) -> dict[str, Floats]:
    speed = flows.booster_speed
    load = flows.lifted / sizes.booster
    return {
        "P201_SPEED": 100.0 * speed,
        "P201_POWER": 0.14 * sizes.booster * (0.1 + speed**3),
        "PIT201_PRESS": 4.9 + BAR_PER_METRE * flows.tower_level + 0.55 * load**2,
        "FIT202_FLOW": flows.lifted,
        "LIT301_LEVEL": flows.tower_level,
    }


def _zones(flows: Flows) -> dict[str, Floats]:
    zones = {}
    for zone in range(ZONES):
        zones[f"FIT30{zone + 1}_FLOW"] = flows.zone_flow[..., zone]
        zones[f"PIT30{zone + 1}_PRESS"] = flows.zone_pressure[..., zone]
        zones[f"PCV30{zone + 1}_POS"] = 100.0 * flows.zone_valve[..., zone]
    return zones


def _network_chlorine(
    treated: Floats, flows: Flows, weather: Weather, sizes: Sizes, row_minutes: float
) -> Floats:
    """Chlorine in the network: first-order decay with the water's age, faster in warm water.

    High demand shortens the age.
    """
    used = first_order_lag(flows.zone_flow.sum(axis=-1), 60.0 / row_minutes)
    age_hours = 3.0 * sizes.zone_demand.sum(axis=-1) / used
    decay = 0.06 * np.exp(0.05 * (weather.river - 12.0))
    remaining: Floats = np.exp(-decay * age_hours)
    return first_order_lag(treated, 120.0 / row_minutes) * remaining
