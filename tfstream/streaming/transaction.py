"""The one commit: outputs, state and consumed offsets in a single Kafka transaction.

Steps, in this order, each its own function below:

1. begin
2. produce every output
3. add the consumed offsets, with their rewind metadata
4. commit, which also waits for every output to be acknowledged

A read_committed reader sees all of it or nothing. When the broker asks for an abort (a rebalance went past
us, a request timed out), the transaction is aborted and :class:`Aborted` raised: the caller drops what it
holds and goes through its restore path. Anything fatal, such as a newer process with the same transactional
id, ends this process.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tfstream.errors import ServiceUnavailable, TfstreamError
from tfstream.streaming.client import Properties, new_transactional_producer
from tfstream.streaming.records import Output, Position
from tfstream.streaming.refusal import right_missing

_log = logging.getLogger("tfstream.kafka")
_CALL_TIMEOUT_S = 20.0
_HANG_TIMEOUT_S = 90.0
_HANG_EXIT_CODE = 4


class Aborted(Exception):
    """The transaction was rolled back; nothing of it is visible to anyone."""


class TransactionalWriter:
    """Writes batches of outputs together with the offsets they come from."""

    def __init__(self, properties: Properties, transactional_id: str) -> None:
        self._id = transactional_id
        self._properties = properties
        self._producer = new_transactional_producer(properties, transactional_id)

    def start(self) -> None:
        """Fence off an older process of this id and roll back what it left open.

        :raises ServiceUnavailable: when no broker answers.
        """
        try:
            self._retry(lambda: self._producer.init_transactions(_CALL_TIMEOUT_S))
        except KafkaException as error:
            denied = right_missing(self._properties, error.args[0], self._right(error.args[0]))
            raise denied or ServiceUnavailable(
                f"Kafka at {self._properties.get('bootstrap.servers')} does not grant transactions: "
                f"{error.args[0].str()}"
            ) from None

    def commit(
        self, outputs: Iterable[Output], topic: str, positions: Sequence[Position], group_metadata: object
    ) -> None:
        """Steps 1 to 4.

        :raises Aborted: rolled back; restore and go on.
        :raises TfstreamError: this process must end.
        """
        offsets = [TopicPartition(topic, p.partition, p.offset, p.metadata) for p in positions]
        with _Watchdog(self._id):
            try:
                self._producer.begin_transaction()
                self._produce(outputs)
                self._retry(
                    lambda: self._producer.send_offsets_to_transaction(
                        offsets, group_metadata, _CALL_TIMEOUT_S
                    )
                )
                self._retry(lambda: self._producer.commit_transaction(_CALL_TIMEOUT_S))
            except KafkaException as error:
                self._give_up(error)

    def _produce(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            while True:
                try:
                    self._produce_one(output)
                    break
                except BufferError:  # the local queue is full: let it drain
                    self._producer.poll(0.1)

    def _produce_one(self, output: Output) -> None:
        headers: list[tuple[str, str | bytes | None]] = list(output.headers)
        if output.partition is None:
            self._producer.produce(output.topic, output.value, output.key, headers=headers)
        else:
            self._producer.produce(output.topic, output.value, output.key, output.partition, headers=headers)

    def _retry(self, call: Callable[[], object]) -> None:
        """Transactional calls may be made again when librdkafka says so; each goes on where it was."""
        deadline = time.monotonic() + _CALL_TIMEOUT_S
        while True:
            try:
                call()
                return
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
                _log.debug("%s: trying again: %s", self._id, error.args[0].str())

    def _right(self, error: KafkaError) -> str:
        """What must be granted when the broker forbids a part of a transaction."""
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return "READ on the group of the scorers"
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return "READ on the source, WRITE on .anomalies, .scores, .state and .dead-letters beside it"
        return f"WRITE on transactional id {self._id}"

    def _give_up(self, error: KafkaException) -> None:
        reason = error.args[0]
        denied = right_missing(self._properties, reason, self._right(reason))
        if denied is not None:
            raise denied from None
        if reason.fatal():
            raise TfstreamError(
                f"another process took over the transactional id {self._id}, or the broker refused it for "
                f"good ({reason.str()}); this process ends, nothing uncommitted was written"
            ) from None
        if not (reason.txn_requires_abort() or reason.retriable()):
            raise TfstreamError(f"the transaction of {self._id} failed: {reason.str()}") from None
        try:
            self._retry(lambda: self._producer.abort_transaction(_CALL_TIMEOUT_S))
        except KafkaException as second:
            raise TfstreamError(
                f"the transaction of {self._id} can be neither finished nor aborted: {second.args[0].str()}"
            ) from None
        raise Aborted(reason.str())


class _Watchdog:
    """Ends the process when a commit outlives its deadline.

    A transactional call can hang for ever after the process was stopped and resumed, while heartbeats go on
    and the partitions stay with it. Ending is safe: nothing uncommitted is visible.
    """

    def __init__(self, name: str) -> None:
        self._timer = threading.Timer(_HANG_TIMEOUT_S, _end_process, (name,))
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _end_process(name: str) -> None:
    _log.critical("%s: a commit hung for %.0f s; this process ends, start it again", name, _HANG_TIMEOUT_S)
    os._exit(_HANG_EXIT_CODE)
