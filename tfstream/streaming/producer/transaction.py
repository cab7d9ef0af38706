"""The one commit: outputs, state and consumed offsets in a single Kafka transaction.

Steps, in this order:

1. begin
2. produce every output
3. add the consumed offsets, with their rewind metadata
4. commit, which also waits until the broker has acknowledged every output

A read_committed reader sees all of it or nothing. A failed commit takes one of three paths:

- **abortable** (the group rebalanced meanwhile, or the broker refused an output): roll the transaction back;
- **outcome unknown** (the broker did not answer in time): replace the producer. The new producer, of the same
  transactional id, completes or rolls back the open transaction before it may begin another. Calling the old
  producer again is not safe: after a time-out librdkafka may hang in ``send_offsets_to_transaction`` and
  ignore the time limit;
- **fatal** (a newer process has the transactional id): end this process.

After the first two :class:`Aborted` is raised: the caller drops its uncommitted work and restores. A call
that hangs all the same, as after a process was stopped and resumed, ends the process, too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from tfstream.errors import TfstreamError
from tfstream.streaming.connection.client import new_transactional_producer
from tfstream.streaming.connection.kafka_errors import broker_unreachable
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.producer.transaction_errors import OutputRefusal, check_fatal, check_rights
from tfstream.streaming.producer.watchdog import Watchdog
from tfstream.streaming.records import Output, Position

_log = logging.getLogger("tfstream.kafka")
_CALL_TIMEOUT_S = 15.0
_START_TIMEOUT_S = 5.0
_QUEUE_FULL_S = 0.1
_MAX_FAILED_COMMITS = 10  # commits in a row, before the process treats the cause as lasting


class Aborted(Exception):
    """This commit's outputs do not count: restore from the broker's committed offsets, then continue."""


class TransactionalWriter:
    """Writes batches of outputs together with the offsets of the records they come from."""

    def __init__(self, properties: Properties, transactional_id: str) -> None:
        self.ready = False  # whether the broker has granted transactions to the present producer
        self._id = transactional_id
        self._properties = properties
        self._producer: Producer | None = None
        self._refusal = OutputRefusal(properties)
        self._failed_commits = 0  # in a row

    def start(self) -> None:
        """Fence every older producer of this id, and resolve its open transaction. May be called again.

        :raises ServiceUnavailable: when no broker grants it in time.
        :raises TfstreamError: when the broker refuses it for good.
        """
        if self._producer is None:
            self._producer = new_transactional_producer(self._properties, self._id, self._on_delivery_failed)
        try:
            with Watchdog(self._id):
                self._producer.init_transactions(_START_TIMEOUT_S)
        except KafkaException as error:
            reason = error.args[0]
            if not reason.retriable():
                self._drop_producer()
                check_fatal(self._properties, self._id, reason)
            raise broker_unreachable(self._properties, error) from None
        self.ready = True

    def commit(
        self, outputs: Iterable[Output], topic: str, positions: Sequence[Position], group_metadata: object
    ) -> None:
        """Steps 1 to 4.

        :raises Aborted: restore and continue, with :meth:`start` first when no longer ``ready``.
        :raises TfstreamError: this process must end.
        """
        try:
            with Watchdog(self._id):
                self._begin()
                self._produce(outputs)
                self._add_offsets(topic, positions, group_metadata)
                self._commit_transaction()
        except KafkaException as error:
            self._handle_failure(error.args[0])
        self._failed_commits = 0

    def close(self) -> None:
        """Drop the producer; this writer commits nothing more."""
        self._drop_producer()

    def refresh_metadata(self, topic: str) -> None:
        """Learn a topic's present partitions, which may be more than the producer knows.

        :raises ServiceUnavailable: when no broker answers in time.
        """
        try:
            self._present_producer().list_topics(topic, timeout=_START_TIMEOUT_S)
        except KafkaException as error:
            raise broker_unreachable(self._properties, error) from None

    # The steps of a commit

    def _begin(self) -> None:
        """Step 1."""
        self._present_producer().begin_transaction()

    def _produce(self, outputs: Iterable[Output]) -> None:
        """Step 2."""
        for output in outputs:
            while True:
                try:
                    self._produce_output(output)
                    break
                except BufferError:  # the local queue is full: let it drain
                    self._present_producer().poll(_QUEUE_FULL_S)
                except KafkaException as error:
                    self._refusal.note(error.args[0], output.topic)
                    raise

    def _add_offsets(self, topic: str, positions: Sequence[Position], group_metadata: object) -> None:
        """Step 3."""
        offsets = [TopicPartition(topic, p.partition, p.offset, p.metadata) for p in positions]
        self._present_producer().send_offsets_to_transaction(offsets, group_metadata, _CALL_TIMEOUT_S)

    def _commit_transaction(self) -> None:
        """Step 4."""
        _retry_ending(lambda: self._present_producer().commit_transaction(_CALL_TIMEOUT_S))

    # The paths of a failed commit

    def _handle_failure(self, reason: KafkaError) -> None:
        check_fatal(self._properties, self._id, reason)
        self._failed_commits += 1
        if not self._roll_back(reason):
            _log.warning(
                "%s: commit outcome unknown (%s); replacing the producer to resolve it",
                self._id,
                reason.str(),
            )
            self._drop_producer()
        self._raise_if_permanent(reason)
        raise Aborted(reason.str())

    def _roll_back(self, reason: KafkaError) -> bool:
        """Whether the transaction is rolled back, so that the producer can begin another."""
        if reason.retriable() and not reason.txn_requires_abort():
            return False
        try:
            with Watchdog(self._id):
                _retry_ending(lambda: self._present_producer().abort_transaction(_CALL_TIMEOUT_S))
        except KafkaException as error:
            check_fatal(self._properties, self._id, error.args[0])
            return False
        return True

    def _raise_if_permanent(self, reason: KafkaError) -> None:
        """Raise when another attempt cannot succeed, so that the process does not fail for ever."""
        self._refusal.check()
        check_rights(self._properties, self._id, reason)
        if self._failed_commits >= _MAX_FAILED_COMMITS:
            raise TfstreamError(
                f"{self._failed_commits} commits in a row failed, the last because of: "
                f"{reason.str()}; this process ends, read the broker's log"
            )

    def _present_producer(self) -> Producer:
        assert self._producer is not None, "commit before start"
        return self._producer

    def _drop_producer(self) -> None:
        """The only reference to the producer is here, none in a calling frame: librdkafka ends it now."""
        self.ready = False
        with Watchdog(self._id):  # librdkafka waits for its threads
            self._producer = None

    def _produce_output(self, output: Output) -> None:
        headers: list[tuple[str, str | bytes | None]] = list(output.headers)
        message = (output.topic, output.value, output.key)
        if output.partition is None:
            self._present_producer().produce(*message, headers=headers)
        else:
            self._present_producer().produce(*message, output.partition, headers=headers)

    def _on_delivery_failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refusal.note(error, message.topic() or "?")


def _retry_ending(call: Callable[[], object]) -> None:
    """Call the end of a transaction again while librdkafka allows it: each call continues the last one."""
    deadline = time.monotonic() + _CALL_TIMEOUT_S
    while True:
        try:
            call()
            return
        except KafkaException as error:
            reason = error.args[0]
            retriable = reason.retriable() and not reason.txn_requires_abort()
            if not retriable or time.monotonic() > deadline:
                raise
            _log.debug("trying again: %s", reason.str())
