"""One seed of the demo without Kafka and PostgreSQL: the demo's readings, fit, alarm rule and comparison."""

from __future__ import annotations

from typing import Any

from tests.studies.quality.runs import ignore_progress
from tfstream.app.detection.score_series import series_episodes
from tfstream.app.training.alignment import aligned_pieces
from tfstream.app.training.refit import Refit
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.demo.fault_outcomes import Comparison, DetectedEpisode, FaultOutcome, compare, main_sensors_of
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant
from tfstream.demo.run import DemoOptions, define_stream, training_options
from tfstream.demo.simulation import simulate
from tfstream.model.scoring.detector import Detector


def demo_seed(seed: int, training_days: int) -> dict[str, Any]:
    """The outcome of every fault of a seed, its false alarms and its asset-days."""
    options = DemoOptions(seed=seed, training_days=training_days)
    return {
        "seed": seed,
        "asset_days": options.assets,  # the scored day is one day of every asset
        "budget_per_week": options.alarm_budget_per_week,
        **_figures(compare_offline(options)),
    }


def compare_offline(options: DemoOptions) -> Comparison:
    """What ``tfstream demo`` finds with these options, computed in this process."""
    plant = WaterPlant(options.seed, options.assets)
    simulation = simulate(plant, training_days=options.training_days, seed=options.seed)
    definition = define_stream(plant, options, "plant.sensors")
    refit = Refit(definition, training_options(options), ignore_progress)
    hop_rows = training_options(options).config.hop_rows
    # The database gives the assets in the order of their names, and a fit depends on the order.
    learnt = [
        piece
        for series in sorted(simulation.training_days, key=lambda series: series.asset)
        for piece in aligned_pieces(series, definition, hop_rows)
    ]
    detector = refit.fit_without_test(learnt).detector
    detections = [
        detection
        for series in simulation.scored_day
        for piece in aligned_pieces(series, definition, hop_rows)
        for detection in _detections(piece, definition, detector)
    ]
    return compare(detections, simulation.faults, interval_us=definition.interval_us)


def _detections(series: Series, definition: StreamDefinition, detector: Detector) -> list[DetectedEpisode]:
    """The episodes of an asset whose scoring begins with the first of these rows."""
    alarms = series_episodes(definition, detector, series)
    return [_detected_episode(series, alarm) for alarm in alarms]


def _detected_episode(series: Series, alarm: RaisedAlarm) -> DetectedEpisode:
    """An alarm as the demo reads it from the database; its times begin at the first row of the series."""
    began_us, sensors = int(series.times_us[0]), alarm.episode.sensors
    return DetectedEpisode(
        episode=f"{series.asset} {alarm.episode.started_us}",
        asset=series.asset,
        raised_us=began_us + alarm.raised_us,
        ended_us=began_us + alarm.episode.last_us,
        sensors=tuple(sensor.name for sensor in sensors),
        main_sensors=main_sensors_of([(sensor.name, sensor.share) for sensor in sensors]),
    )


def _figures(comparison: Comparison) -> dict[str, Any]:
    return {
        "faults": [_fault(outcome) for outcome in comparison.outcomes],
        "false_alarms": len(comparison.false_alarms),
        "false_alarms_during_faults": sum(len(outcome.other_alarms) for outcome in comparison.outcomes),
    }


def _fault(outcome: FaultOutcome) -> dict[str, Any]:
    fault = outcome.fault
    return {
        "fault": f"{fault.kind} {fault.target_sensor}",
        "found": outcome.found,
        "rank": outcome.rank,
        "delay_min": None if outcome.delay_us is None else outcome.delay_us / MINUTE_US,
        "other_alarms": len(outcome.other_alarms),
    }
