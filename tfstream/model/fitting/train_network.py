"""Trains the network: a few hundred steps on random windows, masked, normal and faulted in a single pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.faults import training_faults
from tfstream.core.reading import Values
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.device import training_device
from tfstream.model.fitting.loss import Loss, loss
from tfstream.model.fitting.training_windows import TrainingPiece, WindowIndex, gather_filled, index_windows
from tfstream.model.network.transformer import TimeFrequencyTransformer, hide
from tfstream.model.numerics.precision import round_to_half

_REPORT_EVERY = 10

Report = Callable[[str, float], None]
Batch = tuple[Values, Values, Values]  # windows to mask, normal windows, the normal windows with faults


def train(
    pieces: Sequence[TrainingPiece], config: DetectorConfig, seed: int, report: Report
) -> tuple[TimeFrequencyTransformer, dict[str, Any]]:
    """Train a network on pieces in standard units; returns it in evaluation mode, and its losses.

    Its weights are rounded to half precision, so that a stored model is the trained one, bit for bit.
    """
    rng = np.random.default_rng(seed)
    windows = index_windows(pieces, config.window_rows, stride=1)
    device = training_device()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = TimeFrequencyTransformer(config, pieces[0].values.shape[1]).to(device)
        network.train()
        optimizer = torch.optim.AdamW(
            network.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=config.steps
        )
        history = []
        for step in range(config.steps):
            losses = loss_of(network, _batch(pieces, windows, config, rng), config, device)
            optimizer.zero_grad()
            losses.total.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            optimizer.step()
            schedule.step()
            history.append(torch.stack([losses.reconstruction.detach(), losses.contrast.detach()]))
            if step % _REPORT_EVERY == 0:
                report("network", step / config.steps)
    network.cpu().eval()
    network.load_state_dict({name: round_to_half(value) for name, value in network.state_dict().items()})
    report("network", 1.0)
    return network.requires_grad_(False), _summary(torch.stack(history).cpu().numpy().astype(np.float64))


def _batch(
    pieces: Sequence[TrainingPiece], index: WindowIndex, config: DetectorConfig, rng: np.random.Generator
) -> Batch:
    """Draw a batch of random windows, each part ``[n, rows, channels]``."""
    masked, contrast = config.masked_batch, config.contrast_batch
    chosen: NDArray[np.int64] = rng.integers(len(index.piece), size=masked + 2 * contrast)
    windows = gather_filled(pieces, index.take(chosen), config.window_rows)
    normal, foreign = windows[masked : masked + contrast], windows[masked + contrast :]
    return windows[:masked], normal, training_faults.inject(normal, foreign, rng)


def loss_of(
    network: TimeFrequencyTransformer, batch: Batch, config: DetectorConfig, device: torch.device
) -> Loss:
    """The losses of a pass over a batch, on the device of the network."""
    targets, normal, faulted = (torch.from_numpy(part).to(device) for part in batch)
    inputs = torch.cat([hide(targets, config.hop_rows), normal, faulted])
    return loss(network(inputs, len(targets), config.window_rows), targets, config)


def _summary(history: NDArray[np.float64]) -> dict[str, Any]:
    """The losses at the beginning and at the end of training, each the mean of a tenth of the steps."""
    tenth = max(len(history) // 10, 1)
    first, last = history[:tenth].mean(0), history[-tenth:].mean(0)
    return {
        "steps": len(history),
        "reconstruction_first": round(float(first[0]), 5),
        "reconstruction_last": round(float(last[0]), 5),
        "contrast_first": round(float(first[1]), 5),
        "contrast_last": round(float(last[1]), 5),
    }
