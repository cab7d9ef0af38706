"""The Time-Frequency Transformer: one window, reconstructed along two paths, stage by stage."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.network import spectral

_LARGEST_LIKENESS = 60.0  # before the exponential, which must stay finite


class WindowViews(NamedTuple):
    """What the network makes of a batch of which the first windows are hidden; K stages.

    ``time``, ``frequency [K, hidden, newest, channels]``: the newest rows of the hidden windows rebuilt, each
    stage adding to the one before. ``a``, ``b [K, batch - hidden, projection]``: representations of the
    others in time and in frequency, unit length.
    """

    time: Tensor
    frequency: Tensor
    a: Tensor
    b: Tensor


class AttentionLayer(nn.Module):
    """A pre-norm transformer layer, as ``nn.TransformerEncoderLayer`` but for dropout within attention.

    With so few tokens, that one's own fast path in inference takes three times as long.
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
        """``[batch, tokens, width]`` to the same."""
        state = state + self.dropout(self._attend(self.before_attention(state)))
        return state + self.dropout(self.feed_forward(self.before_feed_forward(state)))

    def feed_forward_products(self) -> tuple[nn.Linear, nn.Linear]:
        """The two products around the non-linearity."""
        first, second = (part for part in self.feed_forward if isinstance(part, nn.Linear))
        return first, second

    def _attend(self, state: Tensor) -> Tensor:
        return self.attended(attend(self.query_key_value(state), self.heads))


def attend(split: Tensor, heads: int) -> Tensor:
    """Queries, keys and values ``[batch, tokens, 3 * width]`` to ``[batch, tokens, width]``.

    Softmax attention; with rows of eight or nine, exponentials of all at once beat a softmax.
    """
    batch = len(split)
    parts = split.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)  # [3, batch, heads, tokens, d]
    query, key, value = parts.to(torch.float32, memory_format=torch.contiguous_format).flatten(1, 2)
    like = (query @ key.transpose(1, 2) * query.shape[2] ** -0.5).clamp(max=_LARGEST_LIKENESS).exp()
    mixed = like @ value / like.sum(2, keepdim=True)
    joined = mixed.unflatten(0, (batch, -1)).transpose(1, 2)  # [batch, tokens, heads, d]
    return joined.to(split.dtype, memory_format=torch.contiguous_format).flatten(2)


class ReconstructionPath(nn.Module):
    """Tokens of one domain through K transformer layers, each with its own head and projection.

    :param token: numbers in a token.
    :param anchor: the token that stands beside the mean in the representation.
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
        """``[batch, tokens, token]`` → the first windows' reconstructions, the others' representations.

        ``[K, hidden, tokens, token]`` and ``[K, batch - hidden, p]``. ``mark [width]``
        is added to the last token of the hidden windows.
        """
        state = self.embed(tokens) + self.position
        if mark is not None:
            marks = torch.zeros_like(state)
            marks[:hidden, -1] = mark
            state = state + marks
        total = torch.zeros_like(tokens[:hidden, -newest:])
        reconstructions, representations = [], []
        for layer, head, project in zip(self.layers, self.heads, self.projections, strict=True):
            state = layer(state)
            total = total + head(state[:hidden, -newest:])
            seen = state[hidden:]
            summary = torch.cat([seen.mean(1), seen[:, self.anchor]], dim=-1)  # [batch - hidden, 2 * width]
            reconstructions.append(total)
            representations.append(functional.normalize(project(summary), dim=-1))
        return torch.stack(reconstructions), torch.stack(representations)


class TimeFrequencyTransformer(nn.Module):
    """Both paths over the same window. Tokens mix channels."""

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
        """``windows [batch, rows, channels]``; the newest hop of the first ``hidden`` of them is masked.

        :param newest: how many rows the reconstructions need to have, in whole hops.
        """
        batch, rows, channels = windows.shape
        hop = self.config.hop_rows
        patches = windows.reshape(batch, self.config.patches, hop * channels)
        in_time, a = self.time(patches, hidden, newest // hop, self.mask_mark)
        tokens = spectral.to_tokens(windows)
        in_frequency, b = self.frequency(tokens, hidden, tokens.shape[1])
        time = in_time.reshape(-1, hidden, newest, channels)
        return WindowViews(time, spectral.from_tokens(in_frequency, rows, newest), a, b)


def hide(windows: Tensor, hop: int) -> Tensor:
    """The newest hop replaced by the row before it: before any FFT, or the spectrum tells the answer."""
    hidden = windows.clone()
    hidden[:, -hop:] = windows[:, -hop - 1 : -hop]
    return hidden
