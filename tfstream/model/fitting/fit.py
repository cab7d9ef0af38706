"""Fits a detector: from normal series to a calibrated detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.alarms.calibration import Calibration, ScoredRun, fit_calibration, separation_rows
from tfstream.core.instruments.counters import CounterTransform, find_counters
from tfstream.core.instruments.instrument_limits import InstrumentLimits
from tfstream.core.instruments.learn_limits import learn_limits
from tfstream.core.reading import Series, Times, Values
from tfstream.core.scaler import Scaler
from tfstream.core.stream import WEEK_US
from tfstream.errors import BadData
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.missing_sensors import missing_rises
from tfstream.model.fitting.normal_profile import LocatedWindows, Predictors, previous_hops
from tfstream.model.fitting.train_network import Report, train
from tfstream.model.fitting.training_windows import (
    Split,
    TrainingPiece,
    WindowIndex,
    gather,
    gather_filled,
    index_windows,
    split,
    whole_pieces,
)
from tfstream.model.fitting.witness_fit import fit_witnesses
from tfstream.model.linear.predictors import fit as fit_closed_form
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.numerics.precision import fastest_products, product_type
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.detector import Detector, ScoringModel
from tfstream.model.scoring.terms import CHUNK

_LEAST_WINDOWS = 8
_FINE_WINDOWS = 256  # with fewer windows, the stride is halved
_MOST_CELLS = 24_000_000  # of windows in memory at once
_ROWS_AT_ONCE = 32_768
_WINDOWS_AT_ONCE = 1024
_NO_TIMES: Times = np.empty(0, dtype=np.int64)


@one_thread()
def fit(
    series: Sequence[Series],
    sensors: tuple[str, ...],
    interval_us: int,
    config: DetectorConfig,
    seed: int,
    report: Report,
    *,
    staleness_rows: int = 5,
    time_zone: str = "UTC",
) -> Detector:
    """Fit a detector: calibrate its terms on training blocks, and its threshold on held-out blocks.

    :param series: normal readings on the regular grid, ``[rows, sensors]`` each, NaN where missing.
    :param sensors: the names of the sensors, in the order of the columns.
    :param report: called with the stage and the part of it that is done.
    :param staleness_rows: for how many rows a missing cell of ``series`` carries the last value.
    :param time_zone: whose clocks the levels of the sensors may follow.
    :raises BadData: when there are too few rows, or no value at all.
    """
    if not any(np.isfinite(piece.values).any() for piece in series):
        raise BadData("no sensor has a single value in the readings to learn from")
    counters = CounterTransform(find_counters(series))
    parts = _split(_differenced(series, counters), config)
    scaler = Scaler.fit([Series(piece.asset, _NO_TIMES, piece.values) for piece in parts.learn])
    series = [_without_incredible(piece, scaler, counters) for piece in series]
    limits = learn_limits(series, interval_us, staleness_rows, counters=counters.columns)
    differenced = _differenced(series, counters)
    scaled = [_standardised(piece, scaler) for piece in differenced]
    definition = _Definition(sensors, interval_us, config, scaler, limits)
    model, predictors = _learn(split(scaled, config.window_rows), definition, seed, report)
    held = split(series, config.window_rows).hold
    model = replace(model, fusion=model.fusion._replace(rises=missing_rises(model, held)))
    calibration = _calibrate(model, held)
    bank = predictors.collect_bank(_locate(whole_pieces(scaled), config), model.usual_errors)
    parts_of_model = {field.name: getattr(model, field.name) for field in fields(model)}
    witnesses = fit_witnesses(differenced, scaler, interval_us, time_zone)
    report("calibrate", 1.0)
    return Detector(**{**parts_of_model, "bank": bank, "calibration": calibration, "witnesses": witnesses})


class _Definition(NamedTuple):
    """The parts of a model that are given before the fit."""

    definition_sensors: tuple[str, ...]
    interval_us: int
    config: DetectorConfig
    scaler: Scaler
    instruments: InstrumentLimits


def _learn(
    scaled: Split, definition: _Definition, seed: int, report: Report
) -> tuple[ScoringModel, Predictors]:
    """Fit a model without its threshold; its windows take much memory, and are freed at the end."""
    config = definition.config
    report("closed form", 0.0)
    learnt = _locate(scaled.learn, config)
    linear = fit_closed_form(learnt.windows, config)
    report("closed form", 1.0)
    network, history = train(scaled.learn, config, seed, report)
    report("calibrate", 0.0)
    products = fastest_products()
    prepared = PreparedNetwork(network, config.band_rows, product_type(products))
    predictors = Predictors(linear, prepared, torch.from_numpy(definition.scaler.live), config)
    profile = predictors.learn_profile(learnt, _held_windows(scaled.hold, config, seed), seed)
    report("calibrate", 0.5)
    history = {**history, "windows": len(learnt.windows)}
    model = ScoringModel(
        **definition._asdict(),
        linear=linear,
        network=network,
        **profile._asdict(),
        products=products,
        history=history,
    )
    return model, predictors


def _split(series: Sequence[Series], config: DetectorConfig) -> Split:
    parts = split(series, config.window_rows)
    count = len(index_windows(parts.learn, config.window_rows, stride=1).piece)
    if count < _LEAST_WINDOWS or not parts.hold:
        longest = max((len(piece.values) for piece in series), default=0)
        raise BadData(
            f"too little to learn from: the longest unbroken piece has {longest} rows, and 288 are needed at "
            f"least (a few days are better)"
        )
    return parts


def _differenced(series: Sequence[Series], counters: CounterTransform) -> list[Series]:
    return [piece._replace(values=counters.transform(piece.values)) for piece in series]


def _without_incredible(series: Series, scaler: Scaler, counters: CounterTransform) -> Series:
    """The series without values of a broken transmitter, which would make large errors look usual."""
    values, differenced = series.values, counters.transform(series.values)
    for rows in _parts(values):
        credible = scaler.credible(differenced[rows], series.asset)
        if not credible.all():
            values = values.copy() if values is series.values else values
            values[rows][~credible] = np.nan
    return series._replace(values=values)


def _standardised(series: Series, scaler: Scaler) -> Series:
    """The series in standard units, NaN where missing; computed in parts, to save memory."""
    values = np.empty_like(series.values)
    for rows in _parts(values):
        values[rows] = scaler.transform(series.values[None, rows], [series.asset])[0]
    return series._replace(values=values)


def _parts(values: Values) -> Iterator[slice]:
    for at in range(0, len(values), _ROWS_AT_ONCE):
        yield slice(at, at + _ROWS_AT_ONCE)


def _hop_windows(pieces: Sequence[TrainingPiece], config: DetectorConfig) -> WindowIndex:
    """Windows a hop apart; closer together if there are few, and evenly thinned out if there are too many."""
    stride = config.hop_rows
    index = index_windows(pieces, config.window_rows, stride)
    while len(index.piece) < _FINE_WINDOWS and stride > 1:
        stride //= 2
        index = index_windows(pieces, config.window_rows, stride)
    most = max(_MOST_CELLS // (config.window_rows * pieces[0].values.shape[1]), CHUNK)
    if len(index.piece) <= most:
        return index
    return index.take(np.linspace(0, len(index.piece) - 1, most).astype(np.int64))


def _locate(pieces: Sequence[TrainingPiece], config: DetectorConfig) -> LocatedWindows:
    index = _hop_windows(pieces, config)
    windows = torch.from_numpy(gather_filled(pieces, index, config.window_rows))  # [n, rows, channels]
    return LocatedWindows(windows, pieces, index)


def _held_windows(hold: Sequence[TrainingPiece], config: DetectorConfig, seed: int) -> Values:
    """Random standardised windows of the held-out blocks, ``[n, rows, channels]``."""
    index = index_windows(hold, config.window_rows, stride=1)
    if not len(index.piece):
        raise BadData("the readings held out for the threshold are mostly missing; give a longer span")
    order = np.random.default_rng(seed).permutation(len(index.piece))
    chosen = index.take(np.sort(order[: config.self_test_windows]))
    return gather_filled(hold, chosen, config.window_rows)


def _calibrate(model: ScoringModel, held: Sequence[TrainingPiece]) -> Calibration:
    """Calibrate the threshold on the scores of held-out blocks."""
    runs = [run for run in (_score_run(model, piece) for piece in held) if len(run.scores)]
    return fit_calibration(
        runs,
        rows_per_week=WEEK_US / model.interval_us,
        separation_rows=separation_rows(model.interval_us),
        hop_rows=model.hop_rows,
    )


def _score_run(model: ScoringModel, piece: TrainingPiece) -> ScoredRun:
    """Score the windows of a piece, a hop apart and smoothed, as the stream would."""
    index = index_windows([piece], model.window_rows, model.hop_rows)
    before = previous_hops(index, model.hop_rows)
    smoothed: list[NDArray[np.float64]] = []
    scores: list[NDArray[np.float64]] = []
    for at in range(0, len(index.start), _WINDOWS_AT_ONCE):
        some = WindowIndex(*(part[at : at + _WINDOWS_AT_ONCE] for part in index))
        measured = model.measure(gather([piece], some, model.window_rows), [piece.asset] * len(some.start))
        for terms, earlier in zip(measured.terms, before[at : at + _WINDOWS_AT_ONCE].tolist(), strict=True):
            smoothed.append(model.smooth(terms, smoothed[earlier] if earlier >= 0 else None))
        scores.append(model.fuse(np.stack(smoothed[at:]), measured))
    if not smoothed:
        return ScoredRun(piece.asset, index.start, np.empty(0))
    rows: NDArray[np.int64] = piece.first_row + index.start + model.window_rows
    return ScoredRun(piece.asset, rows, np.concatenate(scores))
