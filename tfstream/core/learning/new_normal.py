"""A level that has become normal is learnt at once.

The readings before a new normal are shifted to its level, sensor by sensor, by the difference of the medians.
Once there are as many rows after as before, the rows before are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfstream.core.learning.exclude import ExcludedCells, known_cells
from tfstream.core.learning.normal_rows import ExclusionCause, Mask, TrainingEpisode
from tfstream.core.messages.anomaly_event import EventKind, iso
from tfstream.core.reading import Series, Times, Values
from tfstream.core.stream import MICROSECONDS

_HOUR_US = 3600 * MICROSECONDS
_POSITIONS = 3  # at most, of a switch: its position is no level


def move_to_new_normal(
    pieces: Sequence[Series],
    episodes: Sequence[TrainingEpisode],
    sensors: Sequence[str],
    least: int,
    left_out: ExcludedCells,
) -> list[Series]:
    """Shift the pieces of an asset to its newest normal level; changes them in place.

    :param episodes: the new normals of the asset, in any order.
    :param least: how many rows it takes to know a level; with fewer, the older rows stay as they are.
    """
    moved = list(pieces)
    ordered = sorted(episodes, key=_since_us)
    for number, episode in enumerate(ordered, start=1):
        later = [other for other in ordered[number:] if _since_us(other) > _since_us(episode)]
        moved = _accept(moved, episode, later, sensors, least, left_out)
    return moved


def _since_us(episode: TrainingEpisode) -> int:
    return episode.accepted_from_us or 0


def _accept(
    pieces: Sequence[Series],
    episode: TrainingEpisode,
    later: Sequence[TrainingEpisode],
    sensors: Sequence[str],
    least: int,
    left_out: ExcludedCells,
) -> list[Series]:
    """Apply a new normal.

    :param later: the new normals after it, which end its level; a new normal of an instrument ends the level
        of its own sensors only.
    """
    before, rest = _split(pieces, _since_us(episode))
    if not before:
        return rest
    after = _until(rest, [other for other in later if other.kind is not EventKind.INSTRUMENT])
    if _rows(after) < least:
        since = iso(_since_us(episode))
        left_out.notes.append(
            f"{episode.asset}: the new normal since {since} has {_rows(after)} rows, {least} are "
            f"needed to know its level; the rows before it are learnt unchanged"
        )
        return before + rest
    if episode.kind is not EventKind.INSTRUMENT and _rows(after) >= _rows(before):
        left_out.by_cause[ExclusionCause.BEFORE] += known_cells(before)
        return rest
    for sensor in np.flatnonzero(episode.concerns(sensors)).tolist():
        own = _until(after, [other for other in later if other.concerns(sensors)[sensor]])
        _shift(before, own, sensor, least)
    return before + rest


def _until(pieces: Sequence[Series], later: Sequence[TrainingEpisode]) -> list[Series]:
    """The rows before the first of the later new normals."""
    if not later:
        return list(pieces)
    return _split(pieces, min(_since_us(episode) for episode in later))[0]


def _shift(before: Sequence[Series], after: Sequence[Series], sensor: int, least: int) -> None:
    """Shift a sensor's older values to its new level; the medians are of the hours of day that both cover."""
    if not after:
        return
    hours = np.isin(np.arange(24), np.concatenate([_hours(piece.times_us) for piece in after]))
    new, old = _finite(after, sensor, hours), _finite(before, sensor, hours)
    if len(old) < least:
        old = _finite(before, sensor, np.ones(24, dtype=np.bool_))
    switch = max(len(np.unique(new)), len(np.unique(old))) <= _POSITIONS
    if switch or min(len(new), len(old)) < least:
        return
    for piece in before:
        piece.values[:, sensor] += np.median(new) - np.median(old)


def _finite(pieces: Sequence[Series], sensor: int, hours: Mask) -> Values:
    """A sensor's finite values at these hours of the day."""
    values = np.concatenate([piece.values[hours[_hours(piece.times_us)], sensor] for piece in pieces])
    known: Values = values[np.isfinite(values)]
    return known


def _hours(times_us: Times) -> Times:
    return times_us // _HOUR_US % 24


def _split(pieces: Sequence[Series], at_us: int) -> tuple[list[Series], list[Series]]:
    """The rows before a time, and the rest."""
    cuts = [int(np.searchsorted(piece.times_us, at_us)) for piece in pieces]
    return (
        list(_parts(pieces, [slice(0, cut) for cut in cuts])),
        list(_parts(pieces, [slice(cut, None) for cut in cuts])),
    )


def _parts(pieces: Sequence[Series], parts: Sequence[slice]) -> Iterator[Series]:
    """Part of each piece; pieces with an empty part are dropped."""
    for piece, part in zip(pieces, parts, strict=True):
        if len(piece.times_us[part]):
            yield Series(piece.asset, piece.times_us[part], piece.values[part])


def _rows(pieces: Sequence[Series]) -> int:
    return sum(len(piece.times_us) for piece in pieces)
