"""Stores a detector as bytes: safetensors, with its settings as JSON in the header; never pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
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
from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.core.difference import settings_difference
from tfstream.core.instruments.instrument_limits import InstrumentLimits
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
from tfstream.model.witnesses.comparison import RowComparison
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.own_comparison import OwnComparison
from tfstream.model.witnesses.pyramid import COMPARED, GRID_ROWS
from tfstream.model.witnesses.season_model import SeasonModel, SeasonPlace
from tfstream.model.witnesses.season_profile import SeasonProfile
from tfstream.model.witnesses.witness_model import WitnessModel

FORMAT = 7
_READABLE = (6, FORMAT)  # models of format 6 have no own comparisons of assets
_NETWORK = "network."
_INSTRUMENTS = "instruments"
_OWN = ("sensors", "weights", "root", "usual")


class _Format(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the header that every format has."""

    format: int


class _Header(_Format, frozen=True, kw_only=True):
    """Everything of a detector that is not a tensor."""

    sensors: tuple[str, ...]
    sensors_sha256: str
    interval_us: int
    config: DetectorConfig
    config_sha256: str
    assets: tuple[str, ...]
    calibration: Calibration
    witness_tails: tuple[WitnessTail, ...]
    own_assets: dict[str, tuple[str, ...]] = {}
    own_refused: str | None = None
    season: SeasonPlace | None
    season_assets: tuple[str, ...]
    products: Products = "float32"
    history: dict[str, Any]


def sha256(bundle: bytes) -> str:
    """The hash of a bundle, which is stored with it to detect damage."""
    return hashlib.sha256(bundle).hexdigest()


def dump(detector: Detector) -> bytes:
    """Store a detector as a bundle; the same detector gives the same bytes."""
    season = detector.witnesses.season
    header = _Header(
        format=FORMAT,
        sensors=detector.definition_sensors,
        sensors_sha256=sensors_sha256(detector.definition_sensors),
        interval_us=detector.interval_us,
        config=detector.config,
        config_sha256=detector.config.sha256,
        assets=detector.scaler.assets,
        calibration=detector.calibration,
        witness_tails=detector.witnesses.tails,
        own_assets={
            f"{level}.{number}": own.assets
            for level, grid in enumerate(detector.witnesses.grids)
            for number, own in sorted(grid.own.items())
        },
        own_refused=detector.witnesses.own_refused,
        season=None if season is None else season.place,
        season_assets=() if season is None else season.profile.assets,
        products=detector.products,
        history=detector.history,
    )
    return save_tensors(_tensors(detector), {"tfstream": msgspec.json.encode(header).decode()})


def load(bundle: bytes) -> Detector:
    """Load a detector from its bundle.

    :raises BadData: when the bytes are damaged, or the format or the settings are of another version.
    """
    try:
        tensors = {name: unpacked(tensor) for name, tensor in load_tensors(bundle).items()}
        text = _header_text(bundle)
        stored_format = msgspec.json.decode(text, type=_Format).format
        if stored_format not in _READABLE:
            raise BadData(
                f"the model bundle has format {stored_format}; this program reads the formats "
                f"{' and '.join(map(str, _READABLE))}: train a new model"
            )
        _check_settings(msgspec.json.decode(text)["config"])
        return _detector(_checked(msgspec.json.decode(text, type=_Header)), tensors)
    except (SafetensorError, msgspec.DecodeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadData(
            f"the model bundle is damaged ({type(error).__name__}: {error}); train a new model"
        ) from None


def _check_settings(settings: dict[str, Any]) -> None:
    """Check that a model has the same settings, by name, as this program.

    Otherwise decoding would drop an unknown setting, or use a default for a missing setting.

    :raises BadData: when the names differ.
    """
    known = as_settings(DetectorConfig())
    if settings.keys() != known.keys():
        same = {name: known[name] for name in settings.keys() & known.keys()}
        difference = settings_difference({**settings, **same}, known)
        raise BadData(f"the model is of another version of this program ({difference}); train a new model")


def _checked(header: _Header) -> _Header:
    """Check the hashes of the sensors and the settings.

    :raises ValueError: when they differ.
    """
    if header.sensors_sha256 != sensors_sha256(header.sensors):
        raise ValueError("the sensors do not match their sha256")
    if header.config_sha256 != header.config.sha256:
        raise ValueError("the settings do not match their sha256")
    return header


def _header_text(bundle: bytes) -> str:
    """The header, from the metadata of a safetensors file: JSON after its length in eight bytes."""
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
        "fusion.rises": fusion.rises,
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    tensors |= {f"linear.{name}": value for name, value in _named_tensors(detector.linear)}
    tensors |= {f"agreement.{name}": value for name, value in _named_tensors(detector.agreement)}
    tensors |= {f"memory.{name}": value for name, value in _named_tensors(detector.memory)}
    tensors |= {f"bank.{name}": value for name, value in _named_tensors(detector.bank)}
    tensors["errors.usual"] = detector.usual_errors
    tensors[_INSTRUMENTS] = torch.frombuffer(bytearray(detector.instruments.encode()), dtype=torch.uint8)
    tensors |= _grid_tensors(detector.witnesses.grids)
    if detector.witnesses.season is not None:
        tensors |= _season_tensors(detector.witnesses.season)
    tensors |= {_NETWORK + name: value for name, value in detector.network.state_dict().items()}
    return {name: packed(value).contiguous().clone() for name, value in tensors.items()}


def _grid_tensors(grids: Sequence[GridModel]) -> dict[str, Tensor]:
    """The tensors of the witnesses' grids, by grid and statistic."""
    tensors = {}
    for level, grid in enumerate(grids):
        tensors[f"witness.{level}.predictor"] = grid.predictor
        if grid.basis is not None:
            tensors[f"witness.{level}.basis"] = grid.basis
        for number, comparison in enumerate(grid.comparisons):
            named = _named_tensors(comparison)
            tensors |= {f"witness.{level}.{number}.{name}": value for name, value in named}
        for number, own in grid.own.items():
            parts = ((name, getattr(own, name)) for name in _OWN)
            tensors |= {f"own.{level}.{number}.{name}": value for name, value in parts}
    return tensors


def _own(header: _Header, tensors: dict[str, Tensor], level: int) -> dict[int, OwnComparison]:
    """The own comparisons of a grid, by statistic."""
    return {
        number: OwnComparison(
            assets=header.own_assets[f"{level}.{number}"], **_part(tensors, f"own.{level}.{number}.")
        )
        for number in range(COMPARED)
        if f"{level}.{number}" in header.own_assets
    }


def _season_tensors(season: SeasonModel) -> dict[str, Tensor]:
    profile = season.profile
    tensors = {"season.mean": profile.mean, "season.spread": profile.spread, "season.usual": season.usual}
    named = _named_tensors(season.comparison)
    return tensors | {f"season.comparison.{name}": value for name, value in named}


def _season(header: _Header, tensors: dict[str, Tensor]) -> SeasonModel | None:
    """The inverse of :func:`_season_tensors`."""
    if header.season is None:
        return None
    profile = SeasonProfile(
        assets=header.season_assets, mean=tensors["season.mean"], spread=tensors["season.spread"]
    )
    return SeasonModel(
        place=header.season,
        profile=profile,
        usual=tensors["season.usual"],
        comparison=RowComparison(**_part(tensors, "season.comparison.")),
    )


def _grids(header: _Header, tensors: dict[str, Tensor]) -> Iterator[GridModel]:
    """The inverse of :func:`_grid_tensors`."""
    season, level = _season(header, tensors), 0
    while f"witness.{level}.predictor" in tensors:
        yield GridModel(
            rows=GRID_ROWS[level],
            predictor=tensors[f"witness.{level}.predictor"],
            basis=tensors.get(f"witness.{level}.basis"),
            comparisons=tuple(
                RowComparison(**_part(tensors, f"witness.{level}.{number}.")) for number in range(COMPARED)
            ),
            season=season if season is not None and season.place.level == level else None,
            own=_own(header, tensors, level),
        )
        level += 1


def _named_tensors(
    part: ClosedForm | Agreement | Memory | Bank | RowComparison,
) -> Iterator[tuple[str, Tensor]]:
    """The fields of a part by name; not the values that it has cached since."""
    for part_field in fields(part):
        yield part_field.name, getattr(part, part_field.name)


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
        instruments=InstrumentLimits.decode(tensors[_INSTRUMENTS].numpy().tobytes()),
        linear=ClosedForm(**_part(tensors, "linear.")),
        network=network.requires_grad_(False),
        agreement=Agreement(**_part(tensors, "agreement.")),
        memory=Memory(**_part(tensors, "memory.")),
        bank=Bank(**_part(tensors, "bank.")),
        usual_errors=tensors["errors.usual"],
        fusion=Fusion(*(tensors[f"fusion.{name}"].numpy() for name in Fusion._fields)),
        calibration=header.calibration,
        witnesses=WitnessModel(
            grids=tuple(_grids(header, tensors)),
            tails=header.witness_tails,
            own_refused=header.own_refused,
        ),
        products=header.products,
        history=header.history,
    )


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
