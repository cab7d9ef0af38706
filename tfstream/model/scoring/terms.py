"""The nine terms of the score, stage-averaged: a term of the network is its mean over the stages.

T and F use the dual-path reconstruction, X and Mx are the cross-domain errors, N is the contrastive term.

====  =====================================================================================
V     one-step error of the vector autoregression, relative to its expected error here
P     distance of the newest rows to the nearest patch in the bank
R     spectral error of the closed-form prediction of the newest hop
T     spectral error of the time path's reconstruction
F     spectral error of the frequency path's reconstruction
X     spectral difference of the two paths' reconstructions
Mj    distance to the nearest training window, in both domains together
Mx    distance in one domain to the training window that is nearest in the other domain
N     1 - cosine of the window's representations in time and in frequency
====  =====================================================================================

Errors are means over the channels, each in units of its usual size. They are not squashed before that mean,
so that the score shows how large the error of the worst channel is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.linear.predictors import ClosedForm
from tfstream.model.network.inference import PreparedNetwork, Reconstructions
from tfstream.model.network.spectral import distance, magnitudes, sizes
from tfstream.model.scoring.bank import Bank
from tfstream.model.scoring.memory import Memory

CHUNK = 64  # windows computed together: always as many, so that no number depends on the other windows
TERMS = ("V", "P", "R", "T", "F", "X", "Mj", "Mx", "N")
ERRORS = ("V", "R", "T", "F", "X")
_PRIOR = {"V": 12.0, "R": 4.0, "Mj": 7.0, "Mx": 7.0}
_SHARED = 0.1  # of the mean over the channels, added to the usual error of each channel
_POWER = 1.5  # of the power mean for a channel's usual error
_SMALLEST_ERROR = 4e-4
_LEAST_EXPECTED = 1.0  # an error of the usual size is expected everywhere


def prior_weights(config: DetectorConfig) -> tuple[float, ...]:
    """Each term's weight ``[9]`` before ``fitting/term_weights.py`` adjusts it; 0 where its idea is off."""
    off: set[str] = set()
    if not config.dual_path:
        off |= {"Mx", "N", "F", "X"}
    if not config.cross_domain:
        off |= {"Mx", "X"}
    if not config.contrastive:
        off |= {"N"}
    return tuple(0.0 if name in off else _PRIOR.get(name, 1.0) for name in TERMS)


class WindowFeatures(NamedTuple):
    """What stage 0, the linear predictors, and the network compute from a batch of windows.

    ``errors [5, batch, channels]`` in the order of ERRORS, 0 where masked; ``known [batch, channels]`` is 0
    there, else 1. ``predicted [batch, channels]`` is the mean of the newest hop as R predicts it. ``recent
    [batch, rows, channels]`` are the newest rows; ``a``, ``b [K, batch, p]`` are the representations.
    """

    errors: Tensor
    known: Tensor
    predicted: Tensor
    recent: Tensor
    a: Tensor
    b: Tensor

    def part(self, rows: slice) -> WindowFeatures:
        """The features of some windows of the batch."""
        errors, known, predicted, recent, a, b = self
        return WindowFeatures(
            errors[:, rows], known[rows], predicted[rows], recent[rows], a[:, rows], b[:, rows]
        )


def join_features(parts: list[WindowFeatures]) -> WindowFeatures:
    """Join the features of several batches into those of a single batch."""
    errors, known, predicted, recent, a, b = zip(*parts, strict=True)
    return WindowFeatures(
        torch.cat(errors, 1),
        torch.cat(known),
        torch.cat(predicted),
        torch.cat(recent),
        torch.cat(a, 1),
        torch.cat(b, 1),
    )


def extract(
    windows: Tensor,
    known: Tensor,
    network: PreparedNetwork,
    linear: ClosedForm,
    config: DetectorConfig,
) -> WindowFeatures:
    """Compute the features of windows.

    :param windows: standardised, gaps filled, ``[batch, rows, channels]``.
    :param known: 1 for the channels that count, else 0, ``[batch, channels]``.
    """
    views = _used_stages(network(windows), config)
    actual = windows[:, -config.band_rows :]
    predicted = linear.predict_hop(windows, config)
    actual_spectrum = magnitudes(actual)  # [batch, bins, channels]
    time, frequency = sizes(views.time), sizes(views.frequency)  # [K, batch, bins, channels]
    errors = [
        linear.row_errors(windows, config),
        distance(actual_spectrum, magnitudes(torch.cat([actual[:, : -config.hop_rows], predicted], dim=1))),
        distance(time, actual_spectrum).mean(0),  # stage-averaged: [K, batch, channels] to [batch, channels]
        distance(frequency, actual_spectrum).mean(0),
        distance(time, frequency).mean(0),
    ]
    return WindowFeatures(torch.stack(errors) * known, known, predicted.mean(1), actual, views.a, views.b)


def compute_usual_errors(errors: Tensor) -> Tensor:
    """The usual size of each channel's errors, ``[5, channels]``, from training errors ``[5, n, channels]``.

    A power mean: under the plain mean, rare events of normal data, like the start of a standby pump, would
    score high. A share of the mean over the channels is added: a channel with almost no errors would drown
    the others.
    """
    size = errors.double().pow(_POWER).mean(1).pow(1 / _POWER).float()
    return (size + _SHARED * size.mean(1, keepdim=True)).clamp(min=_SMALLEST_ERROR)


def compute_error_terms(features: WindowFeatures, usual: Tensor) -> Tensor:
    """The errors in units of ``usual [5, channels]``, mean of the known channels: ``[5, batch]``."""
    relative = features.errors / usual[:, None]  # [5, batch, channels]
    return relative.sum(2) / features.known.sum(1).clamp(min=1)


class ExcludedNeighbours(NamedTuple):
    """Which stored windows must not count, ``[batch, n]`` for the memory and for the bank."""

    memory: Tensor
    bank: Tensor


def compute_terms(
    features: WindowFeatures,
    usual: Tensor,
    memory: Memory,
    bank: Bank,
    config: DetectorConfig,
    exclude: ExcludedNeighbours | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute all terms, ``[batch, 9]`` in the order of TERMS, and the expected V, ``[batch]``.

    :param usual: the usual size of the errors, ``[5, channels]``.
    """
    out_of_memory, out_of_bank = exclude or (None, None)
    joint, cross = memory.distances(features.a, features.b, out_of_memory)
    distance, expected = bank.nearest(features.recent, config.neighbours, out_of_bank)
    terms = dict(zip(ERRORS, compute_error_terms(features, usual), strict=True))
    terms |= {"P": distance, "Mj": joint.mean(0), "Mx": cross.mean(0)}
    terms["N"] = (1 - (features.a * features.b).sum(-1)).mean(0)
    return torch.stack([terms[name] for name in TERMS], dim=1), _LEAST_EXPECTED + expected


def _used_stages(views: Reconstructions, config: DetectorConfig) -> Reconstructions:
    """All stages, or only the last stage if stage averaging is switched off."""
    return views if config.stage_average else Reconstructions(*(view[-1:] for view in views))
