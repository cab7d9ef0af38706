"""The trained network made ready for scoring: the same numbers as :mod:`network`, with less work.

What scoring asks of a batch is both looks at every window, with its newest hop hidden and whole, and the
spectra of the newest rows of what the paths rebuild. The two looks share most of their embedding, all of it
being linear: the hidden hop is one row over and over, and in frequency it is the whole window less what was
hidden. The rebuilt rows themselves are never needed: their spectra follow from the heads' tokens with one
product.

Products may be in bfloat16: they are most of the work, and a processor that multiplies it natively has them
in half the time. Sums, norms, attention and everything behind the network stay in single precision.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Sequential, functional

from tfstream.model.network import spectral
from tfstream.model.network.transformer import (
    AttentionLayer,
    ReconstructionPath,
    TimeFrequencyTransformer,
    attend,
)


class Reconstructions(NamedTuple):
    """What the prepared network makes of a batch; K stages.

    ``time``, ``frequency [K, batch, bins, 2, channels]``: spectra of the newest rows as each path rebuilds
    them when the newest hop is hidden. ``a``, ``b [K, batch, projection]``: representations of the whole
    windows.
    """

    time: Tensor
    frequency: Tensor
    a: Tensor
    b: Tensor


class _Product(NamedTuple):
    """A linear map in the precision of its weight; in and out in single."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        return self.raw(x).float()

    def raw(self, x: Tensor) -> Tensor:
        """The result as it is."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


def _product(linear: Any, dtype: torch.dtype) -> _Product:
    return _Product(linear.weight.detach().to(dtype), linear.bias.detach().to(dtype))


def _normed(norm: Any, x: Tensor) -> Tensor:
    return functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


class _PreparedLayer:
    """A transformer layer without dropout."""

    def __init__(self, layer: AttentionLayer, dtype: torch.dtype) -> None:
        self._layer = layer
        self._query_key_value = _product(layer.query_key_value, dtype)
        self._attended = _product(layer.attended, dtype)
        self._first, self._second = (_product(linear, dtype) for linear in layer.feed_forward_products())

    def __call__(self, state: Tensor) -> Tensor:
        """``[batch, tokens, width]`` to the same."""
        split = self._query_key_value.raw(_normed(self._layer.before_attention, state))
        state = state + self._attended(attend(split, self._layer.heads))
        inner = self._first.raw(_normed(self._layer.before_feed_forward, state))
        return state + self._second(functional.gelu(inner))


class _Stage:
    """A layer with the head that rebuilds rows from it and the projection that represents the window."""

    def __init__(
        self, layer: AttentionLayer, head: Sequential, project: Sequential, dtype: torch.dtype
    ) -> None:
        self.layer = _PreparedLayer(layer, dtype)
        self._norm, linear = head
        self._head = _product(linear, dtype)
        self._first, self._second = _product(project[0], dtype), _product(project[2], dtype)

    def head(self, state: Tensor) -> Tensor:
        """``[batch, tokens, width]`` to what it adds to the tokens that were rebuilt before."""
        return self._head.raw(_normed(self._norm, state))

    def represent(self, state: Tensor, anchor: int) -> Tensor:
        """``[batch, tokens, width]`` to representations of unit length, ``[batch, projection]``."""
        summary = torch.cat([state.mean(1), state[:, anchor]], dim=-1)
        return functional.normalize(self._second(functional.gelu(self._first(summary))), dim=-1)


class _PreparedPath:
    """A path's layers, heads and projections; ``spectra [2 * bins, all tokens' rows]`` of what heads say."""

    def __init__(self, path: ReconstructionPath, spectra: Tensor, dtype: torch.dtype) -> None:
        self._anchor = path.anchor
        self._spectra = spectra.to(dtype)
        stages: Any = zip(path.layers, path.heads, path.projections, strict=True)
        self._stages = [_Stage(layer, head, project, dtype) for layer, head, project in stages]

    def __call__(self, state: Tensor, newest: int) -> tuple[Tensor, Tensor]:
        """``[2 * batch, tokens, width]``, hidden ones first → spectra and representations, by stage.

        ``newest`` of the tokens are rebuilt.
        """
        batch = len(state) // 2
        rebuilt: list[Tensor] = []
        representations = []
        for stage in self._stages:
            state = stage.layer(state)
            said = stage.head(state[:batch, -newest:])
            rows = said.reshape(batch, self._spectra.shape[1], -1)  # [batch, rows or bins, channels]
            spectrum = spectral.each(self._spectra, rows).float()
            rebuilt.append(rebuilt[-1] + spectrum if rebuilt else spectrum)  # a stage adds to the one before
            representations.append(stage.represent(state[batch:], self._anchor))
        return torch.stack(rebuilt).unflatten(2, (-1, 2)), torch.stack(representations)


class PreparedNetwork:
    """Scores windows as the network would; made of it once it has been trained.

    :param newest: how many rows the reconstructions need to have, in whole hops.
    """

    def __init__(self, network: TimeFrequencyTransformer, newest: int, dtype: torch.dtype) -> None:
        config, path = network.config, network.frequency
        self._hop, self._newest = config.hop_rows, newest
        self._patches, self._mark = config.patches, network.mask_mark.detach()
        self._dtype = dtype
        self._in_time = _product(network.time.embed, dtype)
        self._in_frequency = _product(path.embed, dtype)
        by_row = network.time.embed.weight.detach().unflatten(1, (self._hop, -1))  # [width, hop, channels]
        self._repeated = _Product(by_row.sum(1).to(dtype), self._in_time.bias)
        transform = spectral.transform(config.window_rows)  # [bins * 2, rows]
        self._transform = transform.to(dtype)
        self._removed = _Product(_hidden_part(path, transform[:, -self._hop :]).to(dtype), None)
        newest_spectra = spectral.spectra(newest)
        self._time = _PreparedPath(network.time, newest_spectra, dtype)
        back = spectral.inverse(config.window_rows)[-newest:]
        self._frequency = _PreparedPath(path, newest_spectra @ back, dtype)
        self._positions = network.time.position.detach(), path.position.detach()

    def __call__(self, windows: Tensor) -> Reconstructions:
        """``windows [batch, rows, channels]`` standardised, gaps filled."""
        time, a = self._time(self._time_tokens(windows), self._newest // self._hop)
        tokens = self._frequency_tokens(windows)
        frequency, b = self._frequency(tokens, tokens.shape[1])
        return Reconstructions(time, frequency, a, b)

    def _time_tokens(self, windows: Tensor) -> Tensor:
        """``[2 * batch, patches, width]``: hidden, whole. The hidden patch is the row before it, repeated."""
        batch = len(windows)
        whole = self._in_time(windows.reshape(batch, self._patches, -1))
        both = torch.cat([whole, whole])
        both[:batch, -1] = self._repeated(windows[:, -self._hop - 1]) + self._mark
        return both.add_(self._positions[0])

    def _frequency_tokens(self, windows: Tensor) -> Tensor:
        """``[2 * batch, tokens, width]``: hidden, whole."""
        batch, position = len(windows), self._positions[1]
        spectrum = spectral.each(self._transform, windows.to(self._dtype))
        whole = self._in_frequency(spectrum.reshape(batch, len(position), -1)).add_(position)
        removed = windows[:, -self._hop :] - windows[:, -self._hop - 1, None]  # [batch, hop, channels]
        hidden = whole - self._removed(removed.flatten(1)).view_as(whole)
        return torch.cat([hidden, whole])


def _hidden_part(path: ReconstructionPath, transform: Tensor) -> Tensor:
    """The newest hop's rows straight to what they are worth in each token.

    Transformed by ``transform [bins * 2, hop]`` and embedded: ``[tokens * width, hop * channels]``.
    """
    by_row = transform.unflatten(0, (len(path.position), -1))  # [tokens, 8 parts, hop]
    by_channel = path.embed.weight.detach().unflatten(1, (by_row.shape[1], -1))  # [width, 8 parts, channels]
    return torch.einsum("tpr,wpc->twrc", by_row, by_channel).flatten(2).flatten(0, 1).contiguous()
