"""The differences between two lists of sensors, or two sets of settings, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_MAX_NAMES = 5


def sensors_difference(model: Sequence[str], stream: Sequence[str]) -> str:
    """Sensors in only one of the lists, and sensors at another position in the other list; "" for none."""
    parts = [
        _name_list("only the model has", [name for name in model if name not in set(stream)]),
        _name_list("only the stream has", [name for name in stream if name not in set(model)]),
        _name_list("moved:", list(_moved(model, stream))),
    ]
    return "; ".join(part for part in parts if part)


def settings_difference(model: Mapping[str, object], program: Mapping[str, object]) -> str:
    """Settings in only one of the sets, and settings with another value in the other set; "" for none."""
    changed = [name for name in model if name in program and model[name] != program[name]]
    parts = [
        _name_list("only the model has", [name for name in model if name not in program]),
        _name_list("only this program has", [name for name in program if name not in model]),
        *(f"{name}: {model[name]} in the model, {program[name]} here" for name in changed),
    ]
    return "; ".join(part for part in parts if part)


def _moved(model: Sequence[str], stream: Sequence[str]) -> Iterable[str]:
    """Common sensors whose order differs, with their positions in both lists, which count from 1."""
    stream_order = [name for name in stream if name in set(model)]
    model_order = [name for name in model if name in set(stream)]
    for name, other in zip(model_order, stream_order, strict=True):
        if name != other:
            yield f"{name} ({model.index(name) + 1} in the model, {stream.index(name) + 1} in the stream)"


def _name_list(label: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{label} {', '.join(names[:_MAX_NAMES])}{more}"
