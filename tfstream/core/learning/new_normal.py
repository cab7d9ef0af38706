"""A level that has become normal is learnt at once.

What was before it is moved to it, sensor by sensor, by the difference of the medians; once there is as much
after as before, what was before is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfstream.core.learning.exclude import ExcludedCells, known_cells
from tfstream.core.learning.exclusion_cause import ExclusionCause, Mask, TrainingEpisode
from tfstream.core.messages.anomaly_event import EventKind, iso
from tfstream.core.reading import Series, Times, Values
from tfstream.core.stream import MICROSECONDS

_HOUR_US = 3600 * MICROSECONDS
_POSITIONS = 3  # of a switch, at most: what it is set to is no level


def accept(
    pieces: Sequence[Series],
    episodes: Sequence[TrainingEpisode],
    sensors: Sequence[str],
    least: int,
    told: ExcludedCells,
) -> list[Series]:
    """The pieces of one asset at its newest normal; ``episodes`` are those that are accepted, in any order.

    A level is known from ``least`` rows on; until then what is older stays as it is. Pieces are changed in
    place.
    """
    found = list(pieces)
    ordered = sorted(episodes, key=_since)
    for place, episode in enumerate(ordered):
        later = [one for one in ordered[place + 1 :] if _since(one) > _since(episode)]
        found = _accepted(found, episode, later, sensors, least, told)
    return found


def _since(episode: TrainingEpisode) -> int:
    return episode.accepted_from_us or 0


def _accepted(
    pieces: Sequence[Series],
    episode: TrainingEpisode,
    later: Sequence[TrainingEpisode],
    sensors: Sequence[str],
    least: int,
    told: ExcludedCells,
) -> list[Series]:
    """``later``: the new normals after it; one of an instrument ends the level of its own sensors alone."""
    before, rest = _parted(pieces, _since(episode))
    if not before:
        return rest
    after = _until(rest, [one for one in later if one.kind is not EventKind.INSTRUMENT])
    if _rows(after) < least:
        told.notes.append(
            f"{episode.asset}: the normal since {iso(_since(episode))} has {_rows(after)} rows, {least} are "
            f"needed to know its level; what was before is learnt as it was"
        )
        return before + rest
    if episode.kind is not EventKind.INSTRUMENT and _rows(after) >= _rows(before):
        told.by_cause[ExclusionCause.BEFORE] += known_cells(before)
        return rest
    for sensor in np.flatnonzero(episode.concerns(sensors)).tolist():
        own = _until(after, [one for one in later if one.concerns(sensors)[sensor]])
        _move(before, own, sensor, least)
    return before + rest


def _until(pieces: Sequence[Series], later: Sequence[TrainingEpisode]) -> list[Series]:
    """What is before the first of these."""
    if not later:
        return list(pieces)
    return _parted(pieces, min(_since(one) for one in later))[0]


def _move(before: Sequence[Series], after: Sequence[Series], sensor: int, least: int) -> None:
    """A sensor's older values to its new level, compared at the hours of day that both have seen."""
    if not after:
        return
    hours = np.isin(np.arange(24), np.concatenate([_hours(piece.times_us) for piece in after]))
    new, old = _known(after, sensor, hours), _known(before, sensor, hours)
    if len(old) < least:
        old = _known(before, sensor, np.ones(24, dtype=np.bool_))
    switch = max(len(np.unique(new)), len(np.unique(old))) <= _POSITIONS
    if switch or min(len(new), len(old)) < least:
        return
    for piece in before:
        piece.values[:, sensor] += np.median(new) - np.median(old)


def _known(pieces: Sequence[Series], sensor: int, hours: Mask) -> Values:
    """A sensor's finite values at these hours of the day."""
    values = np.concatenate([piece.values[hours[_hours(piece.times_us)], sensor] for piece in pieces])
    known: Values = values[np.isfinite(values)]
    return known


def _hours(times_us: Times) -> Times:
    return times_us // _HOUR_US % 24


def _parted(pieces: Sequence[Series], at_us: int) -> tuple[list[Series], list[Series]]:
    """What is before a moment, and the rest."""
    places = [int(np.searchsorted(piece.times_us, at_us)) for piece in pieces]
    return (
        list(_some(pieces, [slice(0, place) for place in places])),
        list(_some(pieces, [slice(place, None) for place in places])),
    )


def _some(pieces: Sequence[Series], parts: Sequence[slice]) -> Iterator[Series]:
    """These rows of each piece, where there are any."""
    for piece, part in zip(pieces, parts, strict=True):
        if len(piece.times_us[part]):
            yield Series(piece.asset, piece.times_us[part], piece.values[part])


def _rows(pieces: Sequence[Series]) -> int:
    return sum(len(piece.times_us) for piece in pieces)
