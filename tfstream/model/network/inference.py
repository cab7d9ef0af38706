"""The trained network in the form for scoring: the same numbers as :mod:`transformer`, with less work.

Scoring needs every window twice, with its newest hop masked and whole, and the spectra of the newest rows
that the paths reconstruct. The two versions of a window share most of their embedding, since the embedding is
linear: the masked hop is a row repeated, and in frequency it is the whole window less the masked part. The
reconstructed rows themselves are not needed: their spectra follow from the tokens of the heads with a single
product.

Products may be in bfloat16: they are most of the work, and take half the time on a processor that multiplies
bfloat16 natively. Sums, norms, attention and everything after the network stay in single precision.
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
    """What the prepared network computes from a batch, for each of K stages.

    ``time``, ``frequency [K, batch, bins, 2, channels]``: spectra of the newest rows, as each path
    reconstructs them with the newest hop masked. ``a``, ``b [K, batch, projection]``: representations of the
    whole windows in time and in frequency.
    """

    time: Tensor
    frequency: Tensor
    a: Tensor
    b: Tensor


class _Product(NamedTuple):
    """A linear map in the precision of its weight; its input and output are in single precision."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        return self.raw(x).float()

    def raw(self, x: Tensor) -> Tensor:
        """The result in the precision of the weight."""
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
        """``[batch, tokens, width]`` to ``[batch, tokens, width]``."""
        split = self._query_key_value.raw(_normed(self._layer.before_attention, state))  # 3 * width
        state = state + self._attended(attend(split, self._layer.heads))
        inner = self._first.raw(_normed(self._layer.before_feed_forward, state))
        return state + self._second(functional.gelu(inner))


class _Stage:
    """A layer, the head that reconstructs tokens, and the projection that gives the representation."""

    def __init__(
        self, layer: AttentionLayer, head: Sequential, project: Sequential, dtype: torch.dtype
    ) -> None:
        self.layer = _PreparedLayer(layer, dtype)
        self._norm, linear = head
        self._head = _product(linear, dtype)
        self._first, self._second = _product(project[0], dtype), _product(project[2], dtype)

    def head(self, state: Tensor) -> Tensor:
        """What the stage adds to the tokens: ``[batch, tokens, width]`` to ``[batch, tokens, token]``."""
        return self._head.raw(_normed(self._norm, state))

    def represent(self, state: Tensor, anchor: int) -> Tensor:
        """Representations of unit length, ``[batch, projection]``, of ``state [batch, tokens, width]``."""
        summary = torch.cat([state.mean(1), state[:, anchor]], dim=-1)  # [batch, 2 * width]
        return functional.normalize(self._second(functional.gelu(self._first(summary))), dim=-1)


class _PreparedPath:
    """The stages of a path.

    :param spectra: the matrix from the rows, or the bins, of all tokens to spectra: ``[2 * bins, n]``.
    """

    def __init__(self, path: ReconstructionPath, spectra: Tensor, dtype: torch.dtype) -> None:
        self._anchor = path.anchor
        self._spectra = spectra.to(dtype)
        stages: Any = zip(path.layers, path.heads, path.projections, strict=True)
        self._stages = [_Stage(layer, head, project, dtype) for layer, head, project in stages]

    def __call__(self, state: Tensor, newest: int) -> tuple[Tensor, Tensor]:
        """Spectra ``[K, batch, bins, 2, channels]`` and representations ``[K, batch, projection]``.

        :param state: ``[2 * batch, tokens, width]``, the masked windows first, then the whole ones.
        :param newest: how many of the tokens are reconstructed.
        """
        batch = len(state) // 2
        spectra: list[Tensor] = []
        representations = []
        for stage in self._stages:
            state = stage.layer(state)
            tokens = stage.head(state[:batch, -newest:])  # [batch, newest, token]
            rows = tokens.reshape(batch, self._spectra.shape[1], -1)  # [batch, rows or bins, channels]
            spectrum = spectral.each(self._spectra, rows).float()  # [batch, bins * 2, channels]
            spectra.append(spectra[-1] + spectrum if spectra else spectrum)  # adds to the stage before
            representations.append(stage.represent(state[batch:], self._anchor))
        return torch.stack(spectra).unflatten(2, (-1, 2)), torch.stack(representations)


class PreparedNetwork:
    """Computes what the trained network would; made from it once.

    :param newest: how many of the newest rows are reconstructed, in whole hops.
    :param dtype: the precision of the products.
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
        """``[2 * batch, patches, width]``: masked, then whole; a masked patch repeats the row before it."""
        batch = len(windows)
        whole = self._in_time(windows.reshape(batch, self._patches, -1))  # [batch, patches, width]
        both = torch.cat([whole, whole])  # [2 * batch, patches, width]
        both[:batch, -1] = self._repeated(windows[:, -self._hop - 1]) + self._mark
        return both.add_(self._positions[0])

    def _frequency_tokens(self, windows: Tensor) -> Tensor:
        """``[2 * batch, tokens, width]``: masked, then whole."""
        batch, position = len(windows), self._positions[1]
        spectrum = spectral.each(self._transform, windows.to(self._dtype))  # [batch, bins * 2, channels]
        whole = self._in_frequency(spectrum.reshape(batch, len(position), -1)).add_(position)
        removed = windows[:, -self._hop :] - windows[:, -self._hop - 1, None]  # [batch, hop, channels]
        hidden = whole - self._removed(removed.flatten(1)).view_as(whole)
        return torch.cat([hidden, whole])


def _hidden_part(path: ReconstructionPath, transform: Tensor) -> Tensor:
    """The matrix from the newest hop to its part of the tokens: ``[tokens * width, hop * channels]``.

    It combines ``transform [bins * 2, hop]`` with the embedding.
    """
    by_row = transform.unflatten(0, (len(path.position), -1))  # [tokens, 8 parts, hop]
    by_channel = path.embed.weight.detach().unflatten(1, (by_row.shape[1], -1))  # [width, 8 parts, channels]
    return torch.einsum("tpr,wpc->twrc", by_row, by_channel).flatten(2).flatten(0, 1).contiguous()
