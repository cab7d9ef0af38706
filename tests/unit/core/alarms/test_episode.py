"""Episodes open once, are updated when they grow, and close once."""

from __future__ import annotations

import pytest

from tfstream.core.alarms.continued_episode import continue_episode
from tfstream.core.alarms.episode import (
    Episode,
    EpisodeEvent,
    Observation,
    kind_of,
    start_episode,
    still_pending,
)
from tfstream.core.alarms.hop_evidence import HopEvidence, NoEvidence
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.sensor_shares import merge_hop
from tfstream.core.alarms.silence_events import close_silence, open_silence, update_silence
from tfstream.core.messages.anomaly_event import EventKind, EventType, SensorShare
from tfstream.core.messages.witness import Witness
from tfstream.core.state import AssetMemory, RewindMetadata, decode_metadata, encode

COOLDOWN_US = 30


def started(
    pending: Episode | None, hop: Observation, sensors: tuple[SensorShare, ...], min_duration_us: int
) -> tuple[Episode, EpisodeEvent | None]:
    """The episode and its only event."""
    episode, events = start_episode(pending, hop, sensors, min_duration_us)
    assert len(events) <= 1
    return episode, next(iter(events), None)


def continued(
    episode: Episode, hop: Observation, evidence: HopEvidence, cooldown_us: int
) -> tuple[Episode | None, EpisodeEvent | None]:
    """The episode and its only event, without a minimum duration."""
    after, events = continue_episode(episode, hop, evidence, cooldown_us, 0)
    assert len(events) <= 1
    return after, next(iter(events), None)


def hop(number: int, score: float) -> Observation:
    judgement = Judgement(value=score, threshold=5.0, hold=3.0, expected_per_week=0.1)
    return judged_hop(number, judgement)


def judged_hop(number: int, judgement: Judgement) -> Observation:
    return Observation(
        start_us=10 * number,
        end_us=10 * number + 10,
        judgement=judgement,
        scale_us=20,
        first_offset=number,
        last_offset=number,
    )


def sensors(*shares: float) -> tuple[SensorShare, ...]:
    return tuple(
        SensorShare(name=f"s{i}", share=share, actual=1.0, expected=2.0, evidence=share)
        for i, share in enumerate(shares)
    )


class OneSensorEvidence(NoEvidence):
    """Most evidence against one of two sensors."""

    def sensors(self) -> tuple[SensorShare, ...]:
        return sensors(0.9, 0.1)


def events_of(*scores: float) -> list[EpisodeEvent]:
    """The events of an episode whose first hop has the first score."""
    episode: Episode | None
    episode, opened = started(None, hop(0, scores[0]), sensors(0.5, 0.5), 0)
    assert opened is not None
    events = [opened]
    for number, score in enumerate(scores[1:], start=1):
        assert episode is not None
        episode, event = continued(episode, hop(number, score), OneSensorEvidence(), COOLDOWN_US)
        events += [event] if event else []
    return events


def test_an_episode_closes_after_the_cooldown_at_the_last_hop_that_kept_it_open() -> None:
    events = events_of(6.0, 4.0, 1.0, 1.0, 1.0)
    assert [each.event for each in events] == [EventType.OPENED, EventType.CLOSED]
    assert [each.episode.sequence for each in events] == [1, 2]
    assert events[-1].episode.ended_us == 20  # 4.0 is below the threshold and above the hold


def test_a_short_quiet_time_does_not_close_an_episode() -> None:
    assert [each.event for each in events_of(6.0, 1.0, 1.0, 6.0, 1.0, 1.0)] == [EventType.OPENED]


def test_a_long_episode_needs_a_longer_quiet_time() -> None:
    """Half its length, but three cooldowns at most."""
    quiet = [1.0] * 8
    opened, closed = [EventType.OPENED], [EventType.OPENED, EventType.CLOSED]
    assert [each.event for each in events_of(*[6.0] * 18, *quiet, 6.0)] == opened
    assert [each.event for each in events_of(*[6.0] * 18, *quiet, 1.0)] == closed
    assert [each.event for each in events_of(*[6.0] * 1000, *quiet, 1.0)] == closed
    assert [each.event for each in events_of(*[6.0] * 6, 1.0, 1.0, 1.0)] == closed


def test_an_episode_is_updated_when_it_grows_by_a_fifth() -> None:
    events = events_of(6.0, 7.0, 7.3, 7.4)
    assert [(each.event, each.episode.score) for each in events] == [
        (EventType.OPENED, 6.0),
        (EventType.UPDATED, 7.3),
    ]
    assert events[1].episode.started_us == 0


def test_an_episode_is_pending_until_unbroken_hops_last_long_enough() -> None:
    first, event = started(None, hop(0, 9.0), sensors(0.5, 0.5), 20)
    assert (event, first.pending, first.last_us) == (None, True, 10)
    second, opened = started(first, hop(1, 6.0), sensors(0.9, 0.1), 20)
    assert opened == EpisodeEvent(EventType.OPENED, second)
    assert (second.pending, second.started_us, second.score, second.written_score) == (False, 0, 9.0, 9.0)
    assert (second.first_offset, second.last_offset) == (0, 1)
    assert second.sensors[0].share == pytest.approx((0.5 + 0.9 / 2) / (1 + 1 / 2), rel=1e-5)
    broken, event = started(first, hop(2, 6.0), sensors(0.5, 0.5), 20)  # the hop between has no score
    assert (event, broken.started_us) == (None, 20)


def test_a_witness_of_a_coarse_grid_stays_pending_between_the_rows_of_its_grid() -> None:
    """It speaks every eighth hop here. What it says again is no new alarm, and could not open an episode."""
    coarse = [hop(number, 6.0)._replace(scale_us=320) for number in (0, 8, 16)]
    pending, event = None, None
    for number in range(17):
        assert event is None
        if number % 8:
            pending = still_pending(pending, hop(number, 1.0), 150)
        else:
            pending, event = started(pending, coarse[number // 8], sensors(0.9, 0.1), 150)
    assert pending is not None
    assert (event, pending.started_us) == (EpisodeEvent(EventType.OPENED, pending), 0)


def test_a_finer_witness_does_not_break_a_pending_episode() -> None:
    pending, _ = started(None, hop(0, 6.0)._replace(scale_us=320), sensors(0.9, 0.1), 100)
    pending, _ = started(pending, hop(3, 6.0), sensors(0.9, 0.1), 100)
    opened, event = started(pending, hop(8, 6.0)._replace(scale_us=320), sensors(0.9, 0.1), 90)
    assert event is not None
    assert opened.started_us == 0


def test_a_pending_episode_ends_after_a_quiet_time() -> None:
    pending, _ = started(None, hop(0, 6.0), sensors(0.9, 0.1), 50)  # scale 20: unbroken until 15
    assert still_pending(pending, hop(6, 1.0), 50) is pending
    assert still_pending(pending, hop(8, 1.0), 50) is None


def test_shares_are_those_of_the_whole_episode() -> None:
    """No single hop decides, not even the peak; the first hop counts most."""
    events = events_of(6.0, 7.0, 20.0, 1.0, 1.0, 1.0)[-1].episode
    assert [each.name for each in events.sensors] == ["s0", "s1"]
    counted = 1 / 2 + 1 / 3  # the second and the third hop, beside the first
    assert events.sensors[0].share == pytest.approx((0.5 + 0.9 * counted) / (1 + counted), rel=1e-5)


def test_a_hop_with_little_evidence_changes_no_share() -> None:
    opened = sensors(0.9, 0.1)
    silent = [SensorShare(name="s9", share=1.0, actual=7.0, expected=8.0, evidence=1e-6)]
    late = merge_hop(opened, silent, 2)
    assert [each.name for each in late] == ["s0", "s1", "s9"]
    assert late[0].share == pytest.approx(0.9, rel=1e-4)
    assert kind_of(late) is EventKind.INSTRUMENT


def test_a_sensors_values_are_those_of_the_hop_with_most_evidence() -> None:
    weak, strong = (
        [SensorShare(name="s0", share=1.0, actual=actual, expected=0.0, evidence=evidence)]
        for actual, evidence in ((1.0, 2.0), (9.0, 5.0))
    )
    assert merge_hop(weak, strong, 2)[0].actual == 9.0
    assert merge_hop(strong, weak, 2)[0].actual == 9.0
    assert merge_hop(strong, weak, 2)[0].evidence == 6.0


def test_the_closing_event_has_the_peak_since_the_last_update() -> None:
    assert events_of(6.0, 7.0, 1.0, 1.0, 1.0)[-1].episode.score == 7.0


def levels(value: float, expected_per_week: float) -> Judgement:
    """What the levels say at a scale of 8 minutes; their threshold is 50."""
    return Judgement(
        value=value,
        threshold=50.0,
        hold=30.0,
        expected_per_week=expected_per_week,
        witness=Witness.LEVELS,
        scale_s=480.0,
        reason="the level of s0 is 4 too high",
    )


def test_an_episode_has_the_witness_of_its_rarest_hop() -> None:
    """Scores of two witnesses have different scales: how often normal data reach them decides."""
    opened, _ = started(None, hop(0, 6.0), sensors(0.5, 0.5), 0)
    common, event = continued(opened, judged_hop(1, levels(40.0, 0.5)), OneSensorEvidence(), COOLDOWN_US)
    assert event is None  # the levels keep the episode open, and stay below their threshold
    assert common is not None
    assert (common.score, common.witness, common.witnesses) == (6.0, Witness.SCORE, (Witness.SCORE,))
    rare, event = continued(common, judged_hop(2, levels(55.0, 0.01)), OneSensorEvidence(), COOLDOWN_US)
    assert event is not None
    assert rare == event.episode
    assert (event.event, rare.sequence, rare.peak_us) == (EventType.UPDATED, 2, 30)
    assert (rare.score, rare.threshold, rare.expected_per_week) == (55.0, 50.0, 0.01)
    assert (rare.witness, rare.scale_s) == (Witness.LEVELS, 480.0)
    assert rare.reason == "the level of s0 is 4 too high"
    assert rare.witnesses == (Witness.SCORE, Witness.LEVELS)
    after, event = continued(rare, hop(3, 9.0), OneSensorEvidence(), COOLDOWN_US)
    assert event is None
    assert after is not None
    assert (after.score, after.witness, after.witnesses) == (55.0, Witness.LEVELS, rare.witnesses)


def test_growth_is_measured_in_thresholds() -> None:
    """The first value of the levels is nine times that of the score, and less severe."""
    opened, _ = started(None, judged_hop(0, levels(55.0, 0.2)), sensors(0.5, 0.5), 0)
    joined, event = continued(opened, hop(1, 6.0), OneSensorEvidence(), COOLDOWN_US)
    assert event is not None  # another witness
    assert joined is not None
    assert (joined.score, joined.written_score, joined.written_threshold) == (6.0, 6.0, 5.0)
    more, event = continued(joined, judged_hop(2, levels(71.0, 0.05)), NoEvidence(), COOLDOWN_US)
    assert event is None  # 71/50 is less than a fifth over 6/5
    assert more is not None
    _, event = continued(more, judged_hop(3, levels(73.0, 0.01)), NoEvidence(), COOLDOWN_US)
    assert event is not None


class OtherSensorEvidence(NoEvidence):
    """All evidence against a sensor that the episode has not named."""

    def sensors(self) -> tuple[SensorShare, ...]:
        return (SensorShare(name="other", share=1.0, actual=1.0, expected=2.0, evidence=1.0),)


def test_a_fault_of_other_sensors_after_a_quiet_time_begins_an_episode_of_its_own() -> None:
    opened, _ = started(None, hop(0, 6.0), sensors(0.5, 0.5), 0)
    at_once, event = continued(opened, hop(1, 7.0), OtherSensorEvidence(), 1000)
    assert event is None  # the episode has not been quiet
    assert at_once is not None
    assert at_once.sequence == 1
    later, (closed, begun) = continue_episode(opened, hop(3, 7.0), OtherSensorEvidence(), 1000, 0)
    assert (closed.event, closed.episode.ended_us) == (EventType.CLOSED, 10)
    assert begun.event is EventType.OPENED
    assert later == begun.episode
    assert later.started_us == 30
    assert later.main_sensors == ("other",)
    pending, (closed,) = continue_episode(opened, hop(3, 7.0), OtherSensorEvidence(), 1000, 20)
    assert closed.event is EventType.CLOSED
    assert pending is not None
    assert pending.pending


def test_silence() -> None:
    opened = open_silence(100, 5, ()).episode
    assert (opened.witness, opened.witnesses) == (None, ())
    changed = update_silence(opened, 7, sensors(0.0)).episode
    closed = close_silence(changed, 200, 9)
    assert (closed.event, closed.episode.sequence) == (EventType.CLOSED, 3)
    assert (closed.episode.started_us, closed.episode.ended_us) == (100, 200)
    assert (closed.episode.first_offset, closed.episode.last_offset) == (5, 9)


def test_metadata_of_another_program_is_none() -> None:
    metadata = RewindMetadata(rewind_offset=5, model_version=2, partitions_at_first=3)
    assert encode(metadata) == b'{"v":1,"rw":5,"m":2,"n":3}'
    assert decode_metadata(encode(metadata).decode()) == metadata
    assert decode_metadata("") is None
    assert decode_metadata('{"x": 1}') is None
    assert AssetMemory.__struct_config__.frozen
