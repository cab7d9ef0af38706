"""The Time-Frequency Transformer: dual-path reconstruction of a window, in time and in frequency, by stages.

Each path is a stack of K stages; every stage adds to the reconstruction and gives a representation of the
window. The loss is :mod:`tfstream.model.fitting.loss`, the terms of the score are
:mod:`tfstream.model.scoring.terms`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.network import spectral

_LARGEST_LOGIT = 60.0  # the exponential must stay finite


class WindowViews(NamedTuple):
    """What the network computes from a batch whose first ``hidden`` windows are masked, for each of K stages.

    ``time``, ``frequency [K, hidden, newest, channels]``: reconstructions of the newest rows of the masked
    windows by each path; a stage adds to the stage before. ``a``, ``b [K, batch - hidden, projection]``:
    representations of the other windows in time and in frequency, of unit length.
    """

    time: Tensor
    frequency: Tensor
    a: Tensor
    b: Tensor


class AttentionLayer(nn.Module):
    """A pre-norm transformer layer, as ``nn.TransformerEncoderLayer`` without dropout within attention.

    With so few tokens, the fast path of ``nn.TransformerEncoderLayer`` takes three times as long.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.before_attention, self.before_feed_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.attended = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.xavier_uniform_(self.query_key_value.weight)
        for linear in (self.query_key_value, self.attended):
            nn.init.zeros_(linear.bias)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.feed_forward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feed_forward, width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, state: Tensor) -> Tensor:
        """``[batch, tokens, width]`` to ``[batch, tokens, width]``."""
        state = state + self.dropout(self._attend(self.before_attention(state)))
        return state + self.dropout(self.feed_forward(self.before_feed_forward(state)))

    def feed_forward_products(self) -> tuple[nn.Linear, nn.Linear]:
        """The two linear maps of the feed-forward block."""
        first, second = (part for part in self.feed_forward if isinstance(part, nn.Linear))
        return first, second

    def _attend(self, state: Tensor) -> Tensor:
        return self.attended(attend(self.query_key_value(state), self.heads))


def attend(split: Tensor, heads: int) -> Tensor:
    """Softmax attention ``[batch, tokens, width]`` of query, key and value ``[batch, tokens, 3 * width]``.

    With eight or nine tokens, the exponentials of all logits at once are faster than a softmax.
    """
    batch = len(split)
    parts = split.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)  # [3, batch, heads, tokens, d]
    query, key, value = parts.to(torch.float32, memory_format=torch.contiguous_format).flatten(1, 2)
    weight = (query @ key.transpose(1, 2) * query.shape[2] ** -0.5).clamp(max=_LARGEST_LOGIT).exp()
    mixed = weight @ value / weight.sum(2, keepdim=True)  # [batch * heads, tokens, d]
    joined = mixed.unflatten(0, (batch, -1)).transpose(1, 2)  # [batch, tokens, heads, d]
    return joined.to(split.dtype, memory_format=torch.contiguous_format).flatten(2)


class ReconstructionPath(nn.Module):
    """The path of a domain: its tokens pass K stages, each a transformer layer, a head and a projection.

    :param token: how many numbers a token has.
    :param tokens: how many tokens a window has.
    :param anchor: the index of the token that the representation uses beside the mean.
    """

    def __init__(self, config: DetectorConfig, *, token: int, tokens: int, anchor: int) -> None:
        super().__init__()
        width = config.width
        self.anchor = anchor
        self.embed = nn.Linear(token, width)
        self.position = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.layers = nn.ModuleList(AttentionLayer(config) for _ in range(config.stages))
        self.heads = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, token)) for _ in range(config.stages)
        )
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, config.projection))
            for _ in range(config.stages)
        )

    def forward(
        self, tokens: Tensor, hidden: int, newest: int, mark: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The reconstructions of the first ``hidden`` windows, and the representations of the others.

        ``[K, hidden, newest, token]`` and ``[K, batch - hidden, p]``.

        :param tokens: ``[batch, tokens, token]``.
        :param newest: how many of the tokens are reconstructed.
        :param mark: ``[width]``, added to the last token of the masked windows.
        """
        state = self.embed(tokens) + self.position  # [batch, tokens, width]
        if mark is not None:
            marks = torch.zeros_like(state)
            marks[:hidden, -1] = mark
            state = state + marks
        total = torch.zeros_like(tokens[:hidden, -newest:])  # [hidden, newest, token]
        reconstructions, representations = [], []
        for layer, head, project in zip(self.layers, self.heads, self.projections, strict=True):
            state = layer(state)
            total = total + head(state[:hidden, -newest:])
            unmasked = state[hidden:]
            summary = torch.cat(
                [unmasked.mean(1), unmasked[:, self.anchor]], dim=-1
            )  # [batch - hidden, 2 * width]
            reconstructions.append(total)
            representations.append(functional.normalize(project(summary), dim=-1))
        return torch.stack(reconstructions), torch.stack(representations)


class TimeFrequencyTransformer(nn.Module):
    """Both paths over the same windows. A token contains all channels."""

    def __init__(self, config: DetectorConfig, channels: int) -> None:
        super().__init__()
        self.config = config
        tokens = spectral.tokens_of(config.window_rows)
        self.time = ReconstructionPath(
            config, token=config.hop_rows * channels, tokens=config.patches, anchor=-1
        )
        self.frequency = ReconstructionPath(config, token=8 * channels, tokens=tokens, anchor=0)
        self.mask_mark = nn.Parameter(0.02 * torch.randn(config.width))

    def forward(self, windows: Tensor, hidden: int, newest: int) -> WindowViews:
        """Reconstruct the first ``hidden`` windows, and represent the others.

        :param windows: ``[batch, rows, channels]``; the newest hop of the first ``hidden`` is masked.
        :param newest: how many of the newest rows are reconstructed, in whole hops.
        """
        batch, rows, channels = windows.shape
        hop = self.config.hop_rows
        patches = windows.reshape(batch, self.config.patches, hop * channels)  # [batch, patches, token]
        in_time, a = self.time(patches, hidden, newest // hop, self.mask_mark)
        tokens = spectral.to_tokens(windows)
        in_frequency, b = self.frequency(tokens, hidden, tokens.shape[1])
        time = in_time.reshape(-1, hidden, newest, channels)  # [K, hidden, newest, channels]
        return WindowViews(time, spectral.from_tokens(in_frequency, rows, newest), a, b)


def hide(windows: Tensor, hop: int) -> Tensor:
    """Mask the newest hop of ``[batch, rows, channels]``: repeat the row before it.

    This comes before the Fourier transform: the spectrum would reveal the masked rows.
    """
    hidden = windows.clone()
    hidden[:, -hop:] = windows[:, -hop - 1 : -hop]
    return hidden
