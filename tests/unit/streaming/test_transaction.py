"""What becomes of a commit that fails: the three paths, and a call that hangs.

The producer is scripted: a real one cannot be made to fail at a given call. The same paths on a real broker
are the chaos suite's part.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tfstream.errors import ServiceUnavailable, TfstreamError
from tfstream.streaming import transaction, watchdog
from tfstream.streaming.records import Output, Position
from tfstream.streaming.transaction import Aborted, TransactionalWriter

TIMED_OUT = KafkaError(KafkaError._TIMED_OUT, "away", False, True, False)
LEFT_BEHIND = KafkaError(KafkaError.ILLEGAL_GENERATION, "a rebalance went past", False, False, True)
FENCED = KafkaError(KafkaError._FENCED, "a newer one", True, False, False)
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")
OUTPUTS = [Output("plant.anomalies", b"line-1", b"{}")]


class Scripted:
    """A producer whose calls are noted, and fail as the script says: one error for each call in turn."""

    def __init__(
        self, report: Callable[[KafkaError, Any], None], script: dict[str, list[KafkaError]]
    ) -> None:
        self.report = report
        self.calls: list[str] = []
        self._script = script

    def __getattr__(self, name: str) -> Callable[..., None]:
        calls, failures = self.calls, self._script.get(name)  # a call that fails keeps no producer alive

        def call(*_: object, **__: object) -> None:
            calls.append(name.removesuffix("_transaction").removesuffix("_transactions"))
            if failures:
                raise KafkaException(failures.pop(0))

        return call


class Factory:
    """Makes producers, each with the next script."""

    def __init__(self, *scripts: dict[str, list[KafkaError]]) -> None:
        self.made: list[Scripted] = []
        self._scripts = list(scripts)

    def __call__(
        self, properties: object, transactional_id: str, report: Callable[[KafkaError, Any], None]
    ) -> Scripted:
        self.made.append(Scripted(report, self._scripts.pop(0) if self._scripts else {}))
        return self.made[-1]


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Factory]:
    def scripted(*scripts: dict[str, list[KafkaError]]) -> Factory:
        factory = Factory(*scripts)
        monkeypatch.setattr(transaction, "new_transactional_producer", factory)
        return factory

    return scripted


def started() -> TransactionalWriter:
    writer = TransactionalWriter({"bootstrap.servers": "nowhere:9092"}, "tfstream.plant.one")
    writer.start()
    return writer


def commit(writer: TransactionalWriter) -> None:
    writer.commit(OUTPUTS, "plant", [Position(0, 7, "{}")], object())


def test_a_commit_is_four_steps(producers: Callable[..., Factory]) -> None:
    factory = producers()
    commit(started())
    assert factory.made[0].calls == ["init", "begin", "produce", "send_offsets_to", "commit"]


def test_an_abortable_error_rolls_back_and_keeps_the_producer(producers: Callable[..., Factory]) -> None:
    factory = producers({"send_offsets_to_transaction": [LEFT_BEHIND]})
    writer = started()
    with pytest.raises(Aborted, match="a rebalance went past"):
        commit(writer)
    assert writer.ready
    commit(writer)
    (producer,) = factory.made
    assert producer.calls[4:] == ["abort", "begin", "produce", "send_offsets_to", "commit"]


def test_what_is_not_settled_in_time_is_left_to_a_new_producer(producers: Callable[..., Factory]) -> None:
    """Never asked a second time: after a time-out that call can hang for good."""
    factory = producers({"send_offsets_to_transaction": [TIMED_OUT]})
    writer = started()
    with pytest.raises(Aborted):
        commit(writer)
    assert not writer.ready
    writer.start()
    commit(writer)
    old, new = factory.made
    assert old.calls[-1] == "send_offsets_to"
    assert new.calls == ["init", "begin", "produce", "send_offsets_to", "commit"]


def test_ending_a_transaction_is_asked_again(producers: Callable[..., Factory]) -> None:
    factory = producers({"commit_transaction": [TIMED_OUT, TIMED_OUT]})
    writer = started()
    commit(writer)
    assert writer.ready
    assert factory.made[0].calls.count("commit") == 3


def test_a_commit_that_stays_open_is_left_to_a_new_producer(
    producers: Callable[..., Factory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_CALL_TIMEOUT_S", -1.0)
    producers({"commit_transaction": [TIMED_OUT]})
    writer = started()
    with pytest.raises(Aborted):
        commit(writer)
    assert not writer.ready


def test_a_failed_rollback_is_left_to_a_new_producer(producers: Callable[..., Factory]) -> None:
    broken = KafkaError(KafkaError._STATE, "erroneous state")
    producers({"commit_transaction": [LEFT_BEHIND], "abort_transaction": [broken]})
    writer = started()
    with pytest.raises(Aborted):
        commit(writer)
    assert not writer.ready


@pytest.mark.parametrize("call", ["begin_transaction", "send_offsets_to_transaction", "commit_transaction"])
def test_a_newer_process_ends_this_one(producers: Callable[..., Factory], call: str) -> None:
    factory = producers({call: [FENCED]})
    with pytest.raises(TfstreamError, match="another process took over the transactional id") as ended:
        commit(started())
    assert ended.value.exit_code == 1
    assert "abort" not in factory.made[0].calls


def test_a_newer_process_that_shows_at_the_rollback_ends_this_one(producers: Callable[..., Factory]) -> None:
    producers({"commit_transaction": [LEFT_BEHIND], "abort_transaction": [FENCED]})
    with pytest.raises(TfstreamError, match="another process took over"):
        commit(started())


def test_an_output_that_is_always_refused_is_an_error(producers: Callable[..., Factory]) -> None:
    """Reading again would only bring it up again."""

    class Failed:
        def topic(self) -> str:
            return "plant.anomalies"

    factory = producers({"commit_transaction": [LEFT_BEHIND]})
    writer = started()
    factory.made[0].report(TOO_LARGE, Failed())
    with pytest.raises(TfstreamError, match=r"topic plant\.anomalies refuses what is written to it"):
        commit(writer)


def test_rolled_back_again_and_again_is_an_error(producers: Callable[..., Factory]) -> None:
    producers({"commit_transaction": [LEFT_BEHIND] * 10})
    writer = started()
    for _ in range(9):
        with pytest.raises(Aborted):
            commit(writer)
    with pytest.raises(TfstreamError, match="10 commits in a row were rolled back"):
        commit(writer)


def test_a_broker_that_is_away_at_the_start_can_be_asked_again(producers: Callable[..., Factory]) -> None:
    factory = producers({"init_transactions": [TIMED_OUT]})
    writer = TransactionalWriter({"bootstrap.servers": "nowhere:9092"}, "tfstream.plant.one")
    with pytest.raises(ServiceUnavailable, match="nowhere:9092"):
        writer.start()
    writer.start()
    assert writer.ready
    assert len(factory.made) == 1


def test_a_call_that_hangs_ends_the_process(
    producers: Callable[..., Factory], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, codes = threading.Event(), []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    producers()
    writer = started()
    monkeypatch.setattr(watchdog, "HANG_TIMEOUT_S", 0.02)
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(writer, "_produce_output", lambda output: ended.wait(20.0))
    commit(writer)
    assert codes == [4]


@pytest.mark.parametrize("call", ["begin_transaction", "produce", "send_offsets_to_transaction"])
def test_a_producer_that_is_given_up_ends_under_the_watchdog(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """librdkafka waits for its threads then, and may wait for good."""
    watched: list[str] = []
    ended: list[bool] = []

    class Noted(watchdog.Watchdog):
        def __enter__(self) -> None:
            super().__enter__()
            watched.append(call)

        def __exit__(self, *_: object) -> None:
            super().__exit__()
            watched.pop()

    def made(properties: object, transactional_id: str, report: Callable[..., None]) -> Scripted:
        producer = Scripted(report, {call: [TIMED_OUT]})
        weakref.finalize(producer, lambda: ended.append(bool(watched)))
        return producer

    monkeypatch.setattr(transaction, "Watchdog", Noted)
    monkeypatch.setattr(transaction, "new_transactional_producer", made)
    writer = started()
    with pytest.raises(Aborted):
        commit(writer)
    assert ended == [True]
    writer.start()
    writer.close()
    assert ended == [True, True]
