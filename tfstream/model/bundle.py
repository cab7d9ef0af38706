"""A detector as bytes and back: safetensors with its settings as JSON in the header; never pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from tfstream.core.alarms.calibration import Calibration
from tfstream.core.difference import settings_difference
from tfstream.core.scaler import Scaler
from tfstream.core.stream import sensors_sha256
from tfstream.errors import BadData
from tfstream.model.detector_config import DetectorConfig, as_settings
from tfstream.model.linear.agreement import Agreement
from tfstream.model.linear.predictors import ClosedForm
from tfstream.model.network.transformer import TimeFrequencyTransformer
from tfstream.model.numerics.precision import Products, packed, unpacked
from tfstream.model.scoring.bank import Bank
from tfstream.model.scoring.detector import Detector
from tfstream.model.scoring.fusion import Fusion
from tfstream.model.scoring.memory import Memory

FORMAT = 5
_NETWORK = "network."


class _Format(msgspec.Struct, frozen=True, kw_only=True):
    """What every header has, whatever else its format is."""

    format: int


class _Header(_Format, frozen=True, kw_only=True):
    """Everything that is no tensor."""

    sensors: tuple[str, ...]
    sensors_sha256: str
    interval_us: int
    config: DetectorConfig
    config_sha256: str
    assets: tuple[str, ...]
    calibration: Calibration
    products: Products = "float32"
    history: dict[str, Any]


def sha256(bundle: bytes) -> str:
    """The hash that a stored bundle is checked against."""
    return hashlib.sha256(bundle).hexdigest()


def dump(detector: Detector) -> bytes:
    """The same detector gives the same bytes."""
    header = _Header(
        format=FORMAT,
        sensors=detector.definition_sensors,
        sensors_sha256=sensors_sha256(detector.definition_sensors),
        interval_us=detector.interval_us,
        config=detector.config,
        config_sha256=detector.config.sha256,
        assets=detector.scaler.assets,
        calibration=detector.calibration,
        products=detector.products,
        history=detector.history,
    )
    return save_tensors(_tensors(detector), {"tfstream": msgspec.json.encode(header).decode()})


def load(bundle: bytes) -> Detector:
    """:raises BadData: when the bytes are damaged or of a format that this program does not know."""
    try:
        tensors = {name: unpacked(tensor) for name, tensor in load_tensors(bundle).items()}
        text = _header_text(bundle)
        found = msgspec.json.decode(text, type=_Format).format
        if found != FORMAT:
            raise BadData(f"the model bundle has format {found}; this program reads {FORMAT}: train anew")
        _check_settings(msgspec.json.decode(text)["config"])
        return _detector(_checked(msgspec.json.decode(text, type=_Header)), tensors)
    except (SafetensorError, msgspec.DecodeError, KeyError, ValueError, RuntimeError) as error:
        raise BadData(
            f"the model bundle is damaged ({type(error).__name__}: {error}); train a new one"
        ) from None


def _check_settings(settings: dict[str, Any]) -> None:
    """What this program does not know it would leave out, and what it misses it would make up.

    :raises BadData: when the model's settings are not those that this program has.
    """
    ours = as_settings(DetectorConfig())
    if settings.keys() != ours.keys():
        named = {name: ours[name] for name in settings.keys() & ours.keys()}
        difference = settings_difference({**settings, **named}, ours)
        raise BadData(f"the model is of another version of this program ({difference}); train a new one")


def _checked(header: _Header) -> _Header:
    """:raises ValueError: when sensors or settings are not those that were hashed."""
    if header.sensors_sha256 != sensors_sha256(header.sensors):
        raise ValueError("its sensors do not give their sha256")
    if header.config_sha256 != header.config.sha256:
        raise ValueError("its settings do not give their sha256")
    return header


def _header_text(bundle: bytes) -> str:
    """The metadata of a safetensors file: JSON after a length of eight bytes."""
    length = int.from_bytes(bundle[:8], "little")
    text: str = msgspec.json.decode(bundle[8 : 8 + length])["__metadata__"]["tfstream"]
    return text


def _tensors(detector: Detector) -> dict[str, Tensor]:
    scaler, fusion = detector.scaler, detector.fusion
    arrays = {
        "scaler.location": scaler.location,
        "scaler.scale": scaler.scale,
        "scaler.live": scaler.live,
        "fusion.median": fusion.median,
        "fusion.spread": fusion.spread,
        "fusion.weight": fusion.weight,
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    tensors |= {f"linear.{name}": value for name, value in _held(detector.linear)}
    tensors |= {f"agreement.{name}": value for name, value in _held(detector.agreement)}
    tensors |= {f"memory.{name}": value for name, value in _held(detector.memory)}
    tensors |= {f"bank.{name}": value for name, value in _held(detector.bank)}
    tensors["errors.usual"] = detector.usual_errors
    tensors |= {_NETWORK + name: value for name, value in detector.network.state_dict().items()}
    return {name: packed(value).contiguous().clone() for name, value in tensors.items()}


def _held(part: ClosedForm | Agreement | Memory | Bank) -> Iterator[tuple[str, Tensor]]:
    """What a part holds, by name; not what it has made of that since."""
    for one in fields(part):
        yield one.name, getattr(part, one.name)


def _detector(header: _Header, tensors: dict[str, Tensor]) -> Detector:
    network = TimeFrequencyTransformer(header.config, len(header.sensors))
    network.load_state_dict(_part(tensors, _NETWORK))
    network.eval()
    return Detector(
        definition_sensors=header.sensors,
        interval_us=header.interval_us,
        config=header.config,
        scaler=Scaler(
            assets=header.assets,
            location=tensors["scaler.location"].numpy(),
            scale=tensors["scaler.scale"].numpy(),
            live=tensors["scaler.live"].numpy(),
        ),
        linear=ClosedForm(**_part(tensors, "linear.")),
        network=network.requires_grad_(False),
        agreement=Agreement(**_part(tensors, "agreement.")),
        memory=Memory(**_part(tensors, "memory.")),
        bank=Bank(**_part(tensors, "bank.")),
        usual_errors=tensors["errors.usual"],
        fusion=Fusion(*(tensors[f"fusion.{name}"].numpy() for name in Fusion._fields)),
        calibration=header.calibration,
        products=header.products,
        history=header.history,
    )


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
