"""The network: its transform, its masks, and the form that scoring uses."""

from __future__ import annotations

import pytest
import torch

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.network import spectral
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.network.transformer import TimeFrequencyTransformer, hide
from tfstream.model.scoring.terms import CHUNK


def test_the_spectrum_and_back() -> None:
    batch = torch.randn(3, 64, 5)
    tokens = spectral.to_tokens(batch)
    assert tokens.shape == (3, spectral.tokens_of(64), 4 * 2 * 5)
    torch.testing.assert_close(spectral.from_tokens(tokens, 64, 64), batch)


def test_masked_rows_do_not_leak() -> None:
    """Masked rows must not change the input of the network, neither in time nor in frequency."""
    first, second = torch.randn(2, 64, 3), torch.randn(2, 64, 3)
    second[:, :-8] = first[:, :-8]
    torch.testing.assert_close(hide(first, 8), hide(second, 8))


@pytest.mark.parametrize("channels", [3, 6, 127])
def test_the_prepared_network_computes_what_the_network_computes(channels: int) -> None:
    """Spectra of the reconstructions of masked windows, and representations of whole windows."""
    torch.manual_seed(3)
    config = DetectorConfig()
    network = TimeFrequencyTransformer(config, channels).eval().requires_grad_(False)
    batch = torch.randn(8, 64, channels)
    with torch.inference_mode():
        views = network(torch.cat([hide(batch, 8), batch]), 8, 16)
        prepared = PreparedNetwork(network, 16, torch.float32)(batch)
        for path, spectra in ((views.time, prepared.time), (views.frequency, prepared.frequency)):
            expected = spectral.magnitudes(path.flatten(0, 1)).reshape(*path.shape[:2], 9, channels)
            torch.testing.assert_close(spectral.sizes(spectra), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(prepared.a, views.a, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(prepared.b, views.b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 7, 25, 127])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_prepared_network_does_not_depend_on_the_position_in_the_batch(
    channels: int, dtype: torch.dtype
) -> None:
    """Bit for bit, in either precision."""
    torch.manual_seed(3)
    network = TimeFrequencyTransformer(DetectorConfig(), channels).eval().requires_grad_(False)
    prepared = PreparedNetwork(network, 16, dtype)
    batch, order = torch.randn(CHUNK, 64, channels), torch.randperm(CHUNK)
    with torch.inference_mode():
        straight, shuffled = prepared(batch), prepared(batch[order])
    for expected, result in zip(straight, shuffled, strict=True):
        assert torch.equal(expected[:, order], result)
