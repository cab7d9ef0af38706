"""Normal series in, a calibrated detector out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.calibration import Calibration, Run, fit_calibration
from tfstream.core.reading import Series, Times, Values
from tfstream.core.scale import Scaler
from tfstream.core.stream import WEEK_US
from tfstream.errors import BadData
from tfstream.model import closed_form
from tfstream.model.closed_form import ClosedForm
from tfstream.model.config import DetectorConfig
from tfstream.model.detector import CHUNK, Detector, ScoringModel, TermScale
from tfstream.model.memory import Memory, remember
from tfstream.model.network import TimeFrequencyTransformer
from tfstream.model.terms import SMOOTHED, ChannelErrors, Looked, look, with_memory
from tfstream.model.threads import one_thread
from tfstream.model.training import Report, train
from tfstream.model.windows import Piece, Split, WindowIndex, gather, index, split

_LEAST_WINDOWS = 8
_FINE_WINDOWS = 256
_MOST_CELLS = 64_000_000  # of windows held at once
_LEAST_SPREAD = 0.05
_SEPARATION_ROWS = 64
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
    learn = [_scaled(piece, scaler) for piece in parts.learn]
    places = _hop_windows(learn, config)
    report("closed form", 0.0)
    windows = torch.from_numpy(gather(learn, places, config.window_rows))
    linear = closed_form.fit(windows, config)
    report("closed form", 1.0)
    network, history = train(learn, config, seed, report)
    report("calibrate", 0.0)
    memory, term_scale, channel_scale = _normal_terms(windows, learn, places, network, linear, config, seed)
    report("calibrate", 0.5)
    model = ScoringModel(
        definition_sensors=sensors,
        interval_us=interval_us,
        config=config,
        scaler=scaler,
        linear=linear,
        network=network,
        memory=memory,
        term_scale=term_scale,
        channel_scale=channel_scale,
        history={**history, "windows": len(windows)},
    )
    calibration = _calibrate(model, parts.hold)
    report("calibrate", 1.0)
    return Detector(**vars(model), calibration=calibration)


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


def _scaled(piece: Piece, scaler: Scaler) -> Piece:
    """A piece in standard units; what is missing becomes the mean."""
    scaled = scaler.transform(piece.values[None], [piece.asset])[0]
    return piece._replace(values=np.nan_to_num(scaled))


def _hop_windows(pieces: Sequence[Piece], config: DetectorConfig) -> WindowIndex:
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


@torch.inference_mode()
def _normal_terms(
    windows: Tensor,
    pieces: Sequence[Piece],
    places: WindowIndex,
    network: TimeFrequencyTransformer,
    linear: ClosedForm,
    config: DetectorConfig,
    seed: int,
) -> tuple[Memory, TermScale, Values]:
    """The memory, and how terms and channel errors lie on the training windows."""
    known = torch.ones(len(windows), windows.shape[2])
    looked = _joined(
        [
            look(windows[at : at + CHUNK], known[at : at + CHUNK], network, linear, config)
            for at in range(0, len(windows), CHUNK)
        ]
    )
    generator = torch.Generator().manual_seed(seed)
    memory, chosen = remember(looked.a, looked.b, config.memory_size, generator)
    near = _near(pieces, places, config.window_rows)
    terms = torch.cat(
        [
            with_memory(_part(looked, slice(at, at + CHUNK)), memory, near(at, at + CHUNK, chosen))
            for at in range(0, len(windows), CHUNK)
        ]
    ).numpy()
    errors = torch.stack([looked.channels.ridge, looked.channels.rows, looked.channels.frequency])
    channel_scale = torch.quantile(errors[:, :: max(1, len(windows) // 4096)], 0.95, dim=1).clamp(min=1e-4)
    return memory, _term_scale(terms, places), channel_scale.numpy()


def _joined(parts: Sequence[Looked]) -> Looked:
    """Batches put together again."""
    channels = ChannelErrors(
        *(torch.cat(errors) for errors in zip(*(part.channels for part in parts), strict=True))
    )
    terms = torch.cat([part.terms for part in parts])
    a, b = (torch.cat(views, dim=1) for views in zip(*((part.a, part.b) for part in parts), strict=True))
    return Looked(terms, channels, a, b)


def _part(looked: Looked, rows: slice) -> Looked:
    return Looked(
        looked.terms[rows],
        ChannelErrors(*(error[rows] for error in looked.channels)),
        looked.a[:, rows],
        looked.b[:, rows],
    )


def _near(pieces: Sequence[Piece], places: WindowIndex, rows: int) -> Any:
    """Which remembered windows overlap a training window or its neighbourhood: they must not count for it."""
    series = torch.tensor([pieces[piece].series for piece in places.piece])
    start = torch.tensor([pieces[piece].first_row for piece in places.piece]) + torch.from_numpy(places.start)

    def near(first: int, last: int, chosen: Tensor) -> Tensor:
        same = series[first:last, None] == series[chosen]
        return same & ((start[first:last, None] - start[chosen]).abs() <= rows)

    return near


def _term_scale(terms: Values, places: WindowIndex) -> TermScale:
    """Median and P95 - median of the log terms, smoothed as in scoring."""
    following = np.r_[False, (np.diff(places.piece) == 0)]
    previous = np.where(following[:, None], np.roll(terms, 1, axis=0), terms)
    smoothed = np.where(SMOOTHED, (terms.astype(np.float64) + previous) / 2, terms)
    logs = np.log(smoothed + 1e-6)
    median, high = np.quantile(logs, (0.5, 0.95), axis=0)
    return TermScale(median, np.maximum(high - median, _LEAST_SPREAD))


def _calibrate(model: ScoringModel, held: Sequence[Piece]) -> Calibration:
    """The threshold's calibration on data that nothing was learnt from."""
    runs = [run for run in (_run(model, piece) for piece in held) if len(run.scores)]
    if not runs:
        raise BadData("the readings held out for the threshold are mostly missing; give a longer span")
    return fit_calibration(
        runs,
        rows_per_week=WEEK_US / model.interval_us,
        separation_rows=_SEPARATION_ROWS,
        hop_rows=model.hop_rows,
    )


def _run(model: ScoringModel, piece: Piece) -> Run:
    places = index([piece], model.window_rows, model.hop_rows)
    if not len(places.start):
        return Run(piece.asset, places.start, np.empty(0))
    windows = gather([piece], places, model.window_rows)
    terms = model.measure(windows, [piece.asset] * len(windows)).terms
    previous = np.concatenate([terms[:1], terms[:-1]])
    rows: NDArray[np.int64] = piece.first_row + places.start + model.window_rows
    return Run(piece.asset, rows, model.fuse(terms, previous))
