"""The three paths of a commit that fails, and a call that hangs.

The producer is scripted, because a real producer cannot be made to fail at a given call. The chaos suite
tests the same paths on a real broker.
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
from tfstream.streaming.producer import transaction, watchdog
from tfstream.streaming.producer.transaction import Aborted, TransactionalWriter
from tfstream.streaming.records import Output, Position

TIMED_OUT = KafkaError(KafkaError._TIMED_OUT, "away", False, True, False)
REBALANCED = KafkaError(KafkaError.ILLEGAL_GENERATION, "the group rebalanced", False, False, True)
FENCED = KafkaError(KafkaError._FENCED, "a newer producer", True, False, False)
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")
OUTPUTS = [Output("plant.anomalies", b"line-1", b"{}")]


class ScriptedProducer:
    """Records its calls; each call of a scripted method raises that method's next error."""

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


class ProducerFactory:
    """Creates producers, each with the next script."""

    def __init__(self, *scripts: dict[str, list[KafkaError]]) -> None:
        self.created: list[ScriptedProducer] = []
        self._scripts = list(scripts)

    def __call__(
        self, properties: object, transactional_id: str, report: Callable[[KafkaError, Any], None]
    ) -> ScriptedProducer:
        self.created.append(ScriptedProducer(report, self._scripts.pop(0) if self._scripts else {}))
        return self.created[-1]


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ProducerFactory]:
    def scripted(*scripts: dict[str, list[KafkaError]]) -> ProducerFactory:
        factory = ProducerFactory(*scripts)
        monkeypatch.setattr(transaction, "new_transactional_producer", factory)
        return factory

    return scripted


def start_writer() -> TransactionalWriter:
    writer = TransactionalWriter({"bootstrap.servers": "nowhere:9092"}, "tfstream.plant.one")
    writer.start()
    return writer


def commit(writer: TransactionalWriter) -> None:
    writer.commit(OUTPUTS, "plant", [Position(0, 7, "{}")], object())


def test_a_commit_is_four_steps(producers: Callable[..., ProducerFactory]) -> None:
    factory = producers()
    commit(start_writer())
    assert factory.created[0].calls == ["init", "begin", "produce", "send_offsets_to", "commit"]


def test_an_abortable_error_rolls_back_and_keeps_the_producer(
    producers: Callable[..., ProducerFactory],
) -> None:
    factory = producers({"send_offsets_to_transaction": [REBALANCED]})
    writer = start_writer()
    with pytest.raises(Aborted, match="the group rebalanced"):
        commit(writer)
    assert writer.ready
    commit(writer)
    (producer,) = factory.created
    assert producer.calls[4:] == ["abort", "begin", "produce", "send_offsets_to", "commit"]


def test_an_unknown_outcome_replaces_the_producer(producers: Callable[..., ProducerFactory]) -> None:
    """The call is not repeated: after a time-out it can hang for good."""
    factory = producers({"send_offsets_to_transaction": [TIMED_OUT]})
    writer = start_writer()
    with pytest.raises(Aborted):
        commit(writer)
    assert not writer.ready
    writer.start()
    commit(writer)
    old, new = factory.created
    assert old.calls[-1] == "send_offsets_to"
    assert new.calls == ["init", "begin", "produce", "send_offsets_to", "commit"]


def test_the_end_of_a_transaction_is_retried(producers: Callable[..., ProducerFactory]) -> None:
    factory = producers({"commit_transaction": [TIMED_OUT, TIMED_OUT]})
    writer = start_writer()
    commit(writer)
    assert writer.ready
    assert factory.created[0].calls.count("commit") == 3


def test_a_commit_that_stays_open_replaces_the_producer(
    producers: Callable[..., ProducerFactory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_CALL_TIMEOUT_S", -1.0)
    producers({"commit_transaction": [TIMED_OUT]})
    writer = start_writer()
    with pytest.raises(Aborted):
        commit(writer)
    assert not writer.ready


def test_a_failed_rollback_replaces_the_producer(producers: Callable[..., ProducerFactory]) -> None:
    broken = KafkaError(KafkaError._STATE, "erroneous state")
    producers({"commit_transaction": [REBALANCED], "abort_transaction": [broken]})
    writer = start_writer()
    with pytest.raises(Aborted):
        commit(writer)
    assert not writer.ready


@pytest.mark.parametrize("call", ["begin_transaction", "send_offsets_to_transaction", "commit_transaction"])
def test_a_newer_process_ends_this_one(producers: Callable[..., ProducerFactory], call: str) -> None:
    factory = producers({call: [FENCED]})
    with pytest.raises(TfstreamError, match="another process took over the transactional id") as ended:
        commit(start_writer())
    assert ended.value.exit_code == 1
    assert "abort" not in factory.created[0].calls


def test_a_newer_process_that_appears_at_the_rollback_ends_this_one(
    producers: Callable[..., ProducerFactory],
) -> None:
    producers({"commit_transaction": [REBALANCED], "abort_transaction": [FENCED]})
    with pytest.raises(TfstreamError, match="another process took over"):
        commit(start_writer())


def test_an_output_that_is_always_refused_is_an_error(producers: Callable[..., ProducerFactory]) -> None:
    """To read the same records again would only repeat the refusal."""

    class Failed:
        def topic(self) -> str:
            return "plant.anomalies"

    factory = producers({"commit_transaction": [REBALANCED]})
    writer = start_writer()
    factory.created[0].report(TOO_LARGE, Failed())
    with pytest.raises(TfstreamError, match=r"topic plant\.anomalies refuses what is written to it"):
        commit(writer)


def test_ten_rolled_back_commits_in_a_row_are_an_error(producers: Callable[..., ProducerFactory]) -> None:
    producers({"commit_transaction": [REBALANCED] * 10})
    writer = start_writer()
    for _ in range(9):
        with pytest.raises(Aborted):
            commit(writer)
    with pytest.raises(TfstreamError, match="10 commits in a row failed"):
        commit(writer)


def test_a_start_without_a_broker_can_be_repeated(producers: Callable[..., ProducerFactory]) -> None:
    factory = producers({"init_transactions": [TIMED_OUT]})
    writer = TransactionalWriter({"bootstrap.servers": "nowhere:9092"}, "tfstream.plant.one")
    with pytest.raises(ServiceUnavailable, match="nowhere:9092"):
        writer.start()
    writer.start()
    assert writer.ready
    assert len(factory.created) == 1


def test_a_call_that_hangs_ends_the_process(
    producers: Callable[..., ProducerFactory], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, codes = threading.Event(), []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    producers()
    writer = start_writer()
    monkeypatch.setattr(watchdog, "HANG_TIMEOUT_S", 0.02)
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(writer, "_produce_output", lambda output: ended.wait(20.0))
    commit(writer)
    assert codes == [4]


@pytest.mark.parametrize("call", ["begin_transaction", "produce", "send_offsets_to_transaction"])
def test_a_replaced_producer_ends_under_the_watchdog(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """librdkafka then waits for its threads, perhaps for good."""
    watched: list[str] = []
    ended: list[bool] = []

    class RecordedWatchdog(watchdog.Watchdog):
        def __enter__(self) -> None:
            super().__enter__()
            watched.append(call)

        def __exit__(self, *_: object) -> None:
            super().__exit__()
            watched.pop()

    def create(properties: object, transactional_id: str, report: Callable[..., None]) -> ScriptedProducer:
        producer = ScriptedProducer(report, {call: [TIMED_OUT]})
        weakref.finalize(producer, lambda: ended.append(bool(watched)))
        return producer

    monkeypatch.setattr(transaction, "Watchdog", RecordedWatchdog)
    monkeypatch.setattr(transaction, "new_transactional_producer", create)
    writer = start_writer()
    with pytest.raises(Aborted):
        commit(writer)
    assert ended == [True]
    writer.start()
    writer.close()
    assert ended == [True, True]
