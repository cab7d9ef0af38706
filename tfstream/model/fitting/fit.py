"""Normal series in, a calibrated detector out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.alarms.calibration import Calibration, ScoredRun, fit_calibration
from tfstream.core.reading import Series, Times, Values
from tfstream.core.scaler import Scaler
from tfstream.core.stream import WEEK_US
from tfstream.errors import BadData
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.normal_profile import LocatedWindows, Predictors, predecessors
from tfstream.model.fitting.train_network import Report, train
from tfstream.model.fitting.training_windows import (
    Split,
    TrainingPiece,
    WindowIndex,
    filled,
    gather,
    index,
    split,
    whole,
)
from tfstream.model.linear.predictors import fit as fit_closed_form
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.numerics.precision import fastest_products, product_type
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.detector import Detector, ScoringModel
from tfstream.model.scoring.terms import CHUNK

_LEAST_WINDOWS = 8
_FINE_WINDOWS = 256
_MOST_CELLS = 24_000_000  # of windows held at once
_SEPARATION_ROWS = 64
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
) -> Detector:
    """Fit, calibrate the terms on what was learnt from, and the threshold on what was held out.

    :param series: normal readings on the regular grid, NaN where missing.
    :raises BadData: when there is too little of it, or nothing but gaps.
    """
    if not any(np.isfinite(one.values).any() for one in series):
        raise BadData("no sensor has a single value in the readings to learn from")
    parts = _split(series, config)
    scaler = Scaler.fit([Series(piece.asset, _NO_TIMES, piece.values) for piece in parts.learn])
    series = [_credible(one, scaler) for one in series]
    scaled = [_standardised(one, scaler) for one in series]
    definition = _Definition(sensors, interval_us, config, scaler)
    model, predictors = _learn(split(scaled, config.window_rows), definition, seed, report)
    calibration = _calibrate(model, split(series, config.window_rows).hold)
    bank = predictors.remember_all(_placed(whole(scaled), config), model.usual_errors)
    report("calibrate", 1.0)
    known = {part.name: getattr(model, part.name) for part in fields(model)}
    return Detector(**{**known, "bank": bank, "calibration": calibration})


class _Definition(NamedTuple):
    """What a model is of, beside what it learns."""

    definition_sensors: tuple[str, ...]
    interval_us: int
    config: DetectorConfig
    scaler: Scaler


def _learn(
    scaled: Split, definition: _Definition, seed: int, report: Report
) -> tuple[ScoringModel, Predictors]:
    """A model whose threshold is still to come; its windows, as large as all that follow, end here."""
    config = definition.config
    report("closed form", 0.0)
    learnt = _placed(scaled.learn, config)
    linear = fit_closed_form(learnt.windows, config)
    report("closed form", 1.0)
    network, history = train(scaled.learn, config, seed, report)
    report("calibrate", 0.0)
    products = fastest_products()
    prepared = PreparedNetwork(network, config.band_rows, product_type(products))
    predictors = Predictors(linear, prepared, torch.from_numpy(definition.scaler.live), config)
    normal = predictors.learn(learnt, _held_windows(scaled.hold, config, seed), seed)
    report("calibrate", 0.5)
    history = {**history, "windows": len(learnt.windows)}
    model = ScoringModel(
        **definition._asdict(),
        linear=linear,
        network=network,
        **normal._asdict(),
        products=products,
        history=history,
    )
    return model, predictors


def _split(series: Sequence[Series], config: DetectorConfig) -> Split:
    parts = split(series, config.window_rows)
    count = len(index(parts.learn, config.window_rows, stride=1).piece)
    if count < _LEAST_WINDOWS or not parts.hold:
        longest = max((len(one.values) for one in series), default=0)
        raise BadData(
            f"too little to learn from: the longest unbroken piece has {longest} rows, and 288 are needed at "
            f"least (a few days are better)"
        )
    return parts


def _credible(one: Series, scaler: Scaler) -> Series:
    """The series without what a broken transmitter sent: it must not pass for an error that is usual here."""
    values = one.values
    for rows in _parts(values):
        credible = scaler.credible(one.values[rows], one.asset)
        if not credible.all():
            values = values.copy() if values is one.values else values
            values[rows][~credible] = np.nan
    return one._replace(values=values)


def _standardised(one: Series, scaler: Scaler) -> Series:
    """The series in standard units, NaN where missing; in parts, since scaling takes double precision."""
    values = np.empty_like(one.values)
    for rows in _parts(values):
        values[rows] = scaler.transform(one.values[None, rows], [one.asset])[0]
    return one._replace(values=values)


def _parts(values: Values) -> Iterator[slice]:
    for at in range(0, len(values), _ROWS_AT_ONCE):
        yield slice(at, at + _ROWS_AT_ONCE)


def _hop_windows(pieces: Sequence[TrainingPiece], config: DetectorConfig) -> WindowIndex:
    """Windows a hop apart, closer together when there are few, evenly thinned out when there are too many."""
    stride = config.hop_rows
    places = index(pieces, config.window_rows, stride)
    while len(places.piece) < _FINE_WINDOWS and stride > 1:
        stride //= 2
        places = index(pieces, config.window_rows, stride)
    most = max(_MOST_CELLS // (config.window_rows * pieces[0].values.shape[1]), CHUNK)
    if len(places.piece) <= most:
        return places
    return places.take(np.linspace(0, len(places.piece) - 1, most).astype(np.int64))


def _placed(pieces: Sequence[TrainingPiece], config: DetectorConfig) -> LocatedWindows:
    places = _hop_windows(pieces, config)
    return LocatedWindows(torch.from_numpy(filled(pieces, places, config.window_rows)), pieces, places)


def _held_windows(hold: Sequence[TrainingPiece], config: DetectorConfig, seed: int) -> Values:
    """Some standardised windows that nothing was learnt from, ``[n, rows, channels]``."""
    places = index(hold, config.window_rows, stride=1)
    if not len(places.piece):
        raise BadData("the readings held out for the threshold are mostly missing; give a longer span")
    order = np.random.default_rng(seed).permutation(len(places.piece))
    chosen = places.take(np.sort(order[: config.self_test_windows]))
    return filled(hold, chosen, config.window_rows)


def _calibrate(model: ScoringModel, held: Sequence[TrainingPiece]) -> Calibration:
    """The threshold's calibration on data that nothing was learnt from."""
    runs = [run for run in (_run(model, piece) for piece in held) if len(run.scores)]
    return fit_calibration(
        runs,
        rows_per_week=WEEK_US / model.interval_us,
        separation_rows=_SEPARATION_ROWS,
        hop_rows=model.hop_rows,
    )


def _run(model: ScoringModel, piece: TrainingPiece) -> ScoredRun:
    places = index([piece], model.window_rows, model.hop_rows)
    before = predecessors(places, model.hop_rows)
    followed: list[NDArray[np.float64]] = []
    usual: list[Values] = []
    for at in range(0, len(places.start), _WINDOWS_AT_ONCE):
        some = WindowIndex(*(part[at : at + _WINDOWS_AT_ONCE] for part in places))
        measured = model.measure(gather([piece], some, model.window_rows), [piece.asset] * len(some.start))
        for terms, earlier in zip(measured.terms, before[at : at + _WINDOWS_AT_ONCE].tolist(), strict=True):
            followed.append(model.follow(terms, followed[earlier] if earlier >= 0 else None))
        usual.append(measured.usual)
    if not followed:
        return ScoredRun(piece.asset, places.start, np.empty(0))
    rows: NDArray[np.int64] = piece.first_row + places.start + model.window_rows
    return ScoredRun(piece.asset, rows, model.fuse(np.stack(followed), np.concatenate(usual)))
