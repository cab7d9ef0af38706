"""The settings of the detector: sizes, training, and a switch for each idea."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

# Used by a fit only: a model that was fitted with other values of these can still be scored by this program.
_FIT_ONLY = frozenset(
    {
        "dropout",
        "steps",
        "masked_batch",
        "contrast_batch",
        "learning_rate",
        "weight_decay",
        "clip",
        "visible_weight",
        "contrast_weight",
        "info_weight",
        "memory_size",
        "bank_cells",
        "self_test_windows",
        "self_test_sharpness",
        "ridge",
        "var_ridge",
        "self_test",
    }
)


class DetectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration for all streams; ``docs/detector.md`` says where the values come from.

    Each of the first four switches turns off an idea of the paper, for the ablation; without ``self_test``
    the terms keep their prior weights.
    """

    window_rows: int = 64
    hop_rows: int = 8
    width: int = 64
    heads: int = 4
    feed_forward: int = 128
    stages: int = 3
    dropout: float = 0.05
    projection: int = 32
    steps: int = 200
    masked_batch: int = 32
    contrast_batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    visible_weight: float = 0.1
    contrast_weight: float = 0.3
    info_weight: float = 0.2
    memory_size: int = 2048
    bank_cells: int = 330_000
    neighbours: int = 4
    memory_rows: int = 6
    self_test_windows: int = 128
    self_test_sharpness: float = 5.0
    principal: int = 16
    ridge_rows: int = 24
    ridge: float = 30.0
    var_order: int = 8
    var_ridge: float = 100.0
    band_rows: int = 16

    dual_path: bool = True
    cross_domain: bool = True
    contrastive: bool = True
    stage_average: bool = True
    self_test: bool = True

    @property
    def smoothing(self) -> float:
        """The weight of a new window in the exponential mean of the terms over ``memory_rows`` rows."""
        return 1 - (1 - 1 / self.memory_rows) ** self.hop_rows

    @property
    def patches(self) -> int:
        """How many time tokens a window has: its hops."""
        return self.window_rows // self.hop_rows

    @property
    def scoring(self) -> dict[str, Any]:
        """The settings that the score of a window depends on, by name."""
        return {name: value for name, value in as_settings(self).items() if name not in _FIT_ONLY}

    @property
    def sha256(self) -> str:
        """The hash of all settings, which is stored with a model."""
        return settings_sha256(as_settings(self))


def as_settings(config: DetectorConfig) -> dict[str, Any]:
    """The fields of a configuration by name."""
    settings: dict[str, Any] = msgspec.to_builtins(config)
    return settings


def settings_sha256(settings: Mapping[str, Any]) -> str:
    """The hash of settings by name; their order does not matter."""
    return hashlib.sha256(msgspec.json.encode(settings, order="sorted")).hexdigest()
