"""What two lists of sensors, or two sets of settings, do not have in common, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_MOST = 5


def sensors_difference(model: Sequence[str], stream: Sequence[str]) -> str:
    """Which sensors only one of them has, and which stand elsewhere among those of both; "" for none."""
    found = [
        _named("only the model has", [name for name in model if name not in set(stream)]),
        _named("only the stream has", [name for name in stream if name not in set(model)]),
        _named("moved:", list(_moved(model, stream))),
    ]
    return "; ".join(part for part in found if part)


def settings_difference(model: Mapping[str, object], program: Mapping[str, object]) -> str:
    """Which settings only one of them has, and which have another value; "" for none."""
    common = [name for name in model if name in program and model[name] != program[name]]
    found = [
        _named("only the model has", [name for name in model if name not in program]),
        _named("only this program has", [name for name in program if name not in model]),
        *(f"{name}: {model[name]} in the model, {program[name]} here" for name in common),
    ]
    return "; ".join(part for part in found if part)


def _moved(model: Sequence[str], stream: Sequence[str]) -> Iterable[str]:
    """Those of both that come in another order, with their places, which count from 1."""
    ours = [name for name in stream if name in set(model)]
    theirs = [name for name in model if name in set(stream)]
    for name, other in zip(theirs, ours, strict=True):
        if name != other:
            yield f"{name} ({model.index(name) + 1} in the model, {stream.index(name) + 1} in the stream)"


def _named(label: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{label} {', '.join(names[:_MOST])}{more}"
