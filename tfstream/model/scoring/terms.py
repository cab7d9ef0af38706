"""The terms of the score: each looks at a window from another side, every one averaged over the stages.

====  =====================================================================================
V     one-step error of the vector autoregression, beside what it usually is in such a place
P     distance of the newest rows to the nearest ones in the bank
R     spectral error of the closed-form prediction of the newest hop
T     spectral error of the time path's reconstruction
F     spectral error of the frequency path's reconstruction
X     spectral disagreement of the two paths' reconstructions
Mj    distance to the nearest training window, in both domains together
Mx    distance in one domain to the window that is nearest in the other
N     1 - cosine of the window's representations in time and in frequency
====  =====================================================================================

Errors are means over the channels, each in units of its usual size. They are never squashed before that mean:
how bad the worst channel is must show.
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

CHUNK = 64  # windows looked at in one go: always as many, so that no number depends on its company
TERMS = ("V", "P", "R", "T", "F", "X", "Mj", "Mx", "N")
ERRORS = ("V", "R", "T", "F", "X")
_PRIOR = {"V": 12.0, "R": 4.0, "Mj": 7.0, "Mx": 7.0}
_SHARED = 0.1  # of the mean over the channels in the usual error of each
_POWER = 1.5  # of the mean that a channel's usual error is
_SMALLEST_ERROR = 4e-4
_KNOWN_ERROR = 1.0  # an error of the usual size is expected everywhere


def prior(config: DetectorConfig) -> tuple[float, ...]:
    """The weight of every term before the self-test; an idea that is switched off takes its terms with it."""
    off: set[str] = set()
    if not config.dual_path:
        off |= {"Mx", "N", "F", "X"}
    if not config.cross_domain:
        off |= {"Mx", "X"}
    if not config.contrastive:
        off |= {"N"}
    return tuple(0.0 if name in off else _PRIOR.get(name, 1.0) for name in TERMS)


class WindowFeatures(NamedTuple):
    """What stage 0 and the network see in a batch of windows.

    ``errors [5, batch, channels]`` in the order of ERRORS, 0 where masked; ``known [batch, channels]`` is 0
    there, else 1. ``predicted [batch, channels]`` is the hop's mean as R expects it; ``recent [batch, rows,
    channels]`` the newest rows; ``a``, ``b [K, batch, p]`` the representations.
    """

    errors: Tensor
    known: Tensor
    predicted: Tensor
    recent: Tensor
    a: Tensor
    b: Tensor

    def part(self, rows: slice) -> WindowFeatures:
        """Some windows of the batch."""
        errors, known, predicted, recent, a, b = self
        return WindowFeatures(
            errors[:, rows], known[rows], predicted[rows], recent[rows], a[:, rows], b[:, rows]
        )


def joined(parts: list[WindowFeatures]) -> WindowFeatures:
    """Batches put together again."""
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
    """``windows [batch, rows, channels]`` standardised, gaps filled; ``known [batch, channels]`` counts."""
    views = _chosen(network(windows), config)
    actual = windows[:, -config.band_rows :]
    predicted = linear.predict_hop(windows, config)
    seen = magnitudes(actual)
    time, frequency = sizes(views.time), sizes(views.frequency)
    errors = [
        linear.row_errors(windows, config),
        distance(seen, magnitudes(torch.cat([actual[:, : -config.hop_rows], predicted], dim=1))),
        distance(time, seen).mean(0),  # of the stages
        distance(frequency, seen).mean(0),
        distance(time, frequency).mean(0),
    ]
    return WindowFeatures(torch.stack(errors) * known, known, predicted.mean(1), actual, views.a, views.b)


def usual_errors(errors: Tensor) -> Tensor:
    """Training errors ``[5, n, channels]`` to the usual size of each channel's, ``[5, channels]``.

    A power mean: under the plain one, what is rare in normal data, like the start of a standby pump, would
    be as strange as it is rare. Each takes a part of the mean over the channels, too: a channel that hardly
    ever errs would drown the others.
    """
    size = errors.double().pow(_POWER).mean(1).pow(1 / _POWER).float()
    return (size + _SHARED * size.mean(1, keepdim=True)).clamp(min=_SMALLEST_ERROR)


def error_terms(looked: WindowFeatures, usual: Tensor) -> Tensor:
    """The errors in units of ``usual [5, channels]``, mean of the known channels: ``[5, batch]``."""
    relative = looked.errors / usual[:, None]
    return relative.sum(2) / looked.known.sum(1).clamp(min=1)


class ExcludedNeighbours(NamedTuple):
    """Which remembered windows must not count, ``[batch, n]`` of the memory and of the bank."""

    memory: Tensor
    bank: Tensor


def all_terms(
    looked: WindowFeatures,
    usual: Tensor,
    memory: Memory,
    bank: Bank,
    config: DetectorConfig,
    exclude: ExcludedNeighbours | None = None,
) -> tuple[Tensor, Tensor]:
    """All terms ``[batch, 9]``, and what V is expected to be, ``[batch]``."""
    out_of_memory, out_of_bank = exclude or (None, None)
    joint, cross = memory.distances(looked.a, looked.b, out_of_memory)
    distance, expected = bank.nearest(looked.recent, config.neighbours, out_of_bank)
    found = dict(zip(ERRORS, error_terms(looked, usual), strict=True))
    found |= {"P": distance, "Mj": joint.mean(0), "Mx": cross.mean(0)}
    found["N"] = (1 - (looked.a * looked.b).sum(-1)).mean(0)
    return torch.stack([found[name] for name in TERMS], dim=1), _KNOWN_ERROR + expected


def _chosen(views: Reconstructions, config: DetectorConfig) -> Reconstructions:
    """All stages, or only the last one when stage averaging is switched off."""
    return views if config.stage_average else Reconstructions(*(view[-1:] for view in views))
