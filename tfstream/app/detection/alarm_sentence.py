"""What was seen when an alarm was raised or updated, in one plain sentence for an operator.

The sentence depends on the episode, the stream definition and the model alone, so that a log that is read
again gives the same events. It is made for rows that raise or update an alarm, not for every row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tfstream.app.runtime.human_units import duration_text
from tfstream.core.alarms.episode import MAIN_SENSOR_SHARE, Episode
from tfstream.core.messages.anomaly_event import BandShift, EventKind, SensorShare
from tfstream.core.messages.witness import Witness
from tfstream.core.number_words import digits_of_both, number_words
from tfstream.core.stream import StreamDefinition

if TYPE_CHECKING:  # torch takes two seconds to import, and most commands do not need it
    from tfstream.model.scoring.detector import Detector

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOT_LEARNT = "the model has not learnt this asset: it is compared with all other assets"
_WITH_LEVELS = (Witness.ERRORS, Witness.LEVELS, Witness.SEASON)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmSentences:
    """Sentences about the alarms of one stream: ``time_zone`` says whose clocks the plant follows.

    Of ``counters`` the detector sees what they rise by in a row, and so do the sentences. ``learnt`` are the
    assets that the model has learnt; None where nobody knows them.
    """

    time_zone: str = "UTC"
    counters: Collection[str] = ()
    learnt: Collection[str] | None = None

    @classmethod
    def of_stream(cls, definition: StreamDefinition, detector: Detector) -> AlarmSentences:
        """The sentences about a stream under the detector that scores it."""
        counters = frozenset(detector.definition_sensors[column] for column in detector.counters.columns)
        learnt = detector.calibration.assets.keys() | set(detector.scaler.assets)
        return cls(time_zone=definition.time_zone or "UTC", counters=counters, learnt=learnt)

    def of_episode(self, episode: Episode, asset: str | None = None) -> str:
        """What the witness of the peak of an asset's episode saw; whether the model has learnt the asset."""
        seen = self._seen(episode)
        if episode.kind is EventKind.SILENCE or asset is None or self._has_learnt(asset):
            return seen
        return f"{seen}; {_NOT_LEARNT}"

    def _has_learnt(self, asset: str) -> bool:
        return self.learnt is None or asset in self.learnt

    def _seen(self, episode: Episode) -> str:
        """What was seen.

        The values of a sensor are those of the hop with most evidence, which another witness than that of the
        peak may have judged. So the sentence says what a witness compares with, such as the other sensors,
        only where no other witness has reached its threshold.
        """
        if episode.reason is not None:
            return episode.reason
        if episode.kind is EventKind.SILENCE:
            return _silence(episode.sensors)
        witness = episode.witness
        if any(other not in (witness, Witness.SCORE) for other in episode.witnesses):
            witness = None
        return self.of_sensors(witness, episode.scale_s, episode.sensors, episode.peak_us)

    def of_sensors(
        self, witness: Witness | None, scale_s: float | None, sensors: Sequence[SensorShare], at_us: int
    ) -> str:
        """What a witness saw of the sensors that it blames, the first of them first, in rows up to ``at_us``.

        :param witness: None where several witnesses may have given the values.
        :param scale_s: the time in seconds that the witness looks at; None where it has none.
        """
        if not sensors:
            return "no single sensor stands out"
        also = [sensor.name for sensor in sensors[1:] if sensor.share >= MAIN_SENSOR_SHARE]
        first = self._of_sensor(witness, scale_s, sensors[0], at_us)
        return f"{first}; also: {', '.join(also)}" if also else first

    def _of_sensor(
        self, witness: Witness | None, scale_s: float | None, sensor: SensorShare, at_us: int
    ) -> str:
        if sensor.band is not None:
            return self._band(sensor.name, sensor.band)
        if sensor.actual is None or sensor.expected is None:
            return f"{sensor.name} departs most from what is normal"
        actual, expected = _both(sensor.actual, sensor.expected)
        over = "" if scale_s is None or witness not in _WITH_LEVELS else f" (over {duration_text(scale_s)})"
        stands = self._stands(sensor.name, actual)
        match witness:
            case Witness.ERRORS:
                moves = f"{sensor.name} does not follow from the rows before"
                return f"{moves}: {actual} instead of {expected}{over}"
            case Witness.LEVELS:
                return f"{stands}; the other sensors say {expected}{over}"
            case Witness.SEASON:
                time = _time_of_week(at_us, self.time_zone)
                return f"{stands}, unusual for a {time}: expected {expected}{over}"
            case _:
                return f"{sensor.name} shows {actual}; expected {expected}"

    def _band(self, name: str, band: BandShift) -> str:
        """What the score saw: a level, or swings with periods in a range."""
        actual, expected = _both(band.actual, band.expected)
        if band.longest_s is None:
            return f"{self._stands(name, actual)}; expected {expected}"
        periods = f"{duration_text(band.shortest_s)} to {duration_text(band.longest_s)}"
        return f"{name} swings by {actual} in periods of {periods}; expected {expected}"

    def _stands(self, name: str, level: str) -> str:
        if name in self.counters:
            return f"{name} (a counter) rises by {level} a row"
        return f"{name} stands at {level}"


def _silence(sensors: Sequence[SensorShare]) -> str:
    if not sensors:
        return "the asset sent no readings"
    return f"no values of {', '.join(sensor.name for sensor in sensors)}"


def _both(actual: float, expected: float) -> tuple[str, str]:
    """Two numbers with enough digits to tell them apart."""
    digits = digits_of_both(actual, expected)
    return number_words(actual, digits), number_words(expected, digits)


def _time_of_week(time_us: int, time_zone: str) -> str:
    """The day of the week and the hour in English, whatever the language of the machine."""
    time = (_EPOCH + timedelta(microseconds=time_us)).astimezone(ZoneInfo(time_zone))
    return f"{_WEEKDAYS[time.weekday()]} at {time:%H:%M}"
