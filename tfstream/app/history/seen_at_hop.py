"""What a witness saw at an explained hop, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from tfstream.app.detection.alarm_sentence import AlarmSentences
from tfstream.app.history.stored_hop import StoredHop
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import SensorShare


def seen_at_hop(stored: StoredHop, judgement: Judgement, sensors: Sequence[SensorShare]) -> str | None:
    """The sentence about a judgement of the hop that blames ``sensors``; None below the threshold."""
    if judgement.reason is not None or not judgement.exceeds:
        return judgement.reason
    sentences = AlarmSentences.of_stream(stored.stream.definition, stored.champion.detector)
    return sentences.of_sensors(judgement.witness, judgement.scale_s, sensors, stored.until_us)
