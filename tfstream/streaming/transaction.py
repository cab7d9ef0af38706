"""The one commit: outputs, state and consumed offsets in a single Kafka transaction.

Steps, in this order:

1. begin
2. produce every output
3. add the consumed offsets, with their rewind metadata
4. commit, which also waits for every output to be acknowledged

A read_committed reader sees all of it or nothing. What can go wrong takes one of three paths:

- **abortable** (a rebalance went past us, an output was refused): the transaction is rolled back;
- **not settled in time** (the broker is away): the producer is given up. Its successor, of the same
  transactional id, settles what it left, one way or the other, before it may begin. Calling again instead is
  not safe: after a time-out librdkafka may hang in ``send_offsets_to_transaction``, its time limit unheeded;
- **fatal** (a newer process has the transactional id): this process ends.

After the first two :class:`Aborted` is raised: the caller drops what it holds and goes through its restore
path. A call that hangs all the same, as after a process was stopped and resumed, ends the process, too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from tfstream.errors import TfstreamError
from tfstream.streaming.client import Properties, new_transactional_producer
from tfstream.streaming.kafka_errors import access_denied, broker_unreachable
from tfstream.streaming.records import Output, Position
from tfstream.streaming.watchdog import Watchdog

_log = logging.getLogger("tfstream.kafka")
_CALL_TIMEOUT_S = 15.0
_START_TIMEOUT_S = 5.0
_LASTING = frozenset(  # refusals that trying again will not change
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
    }
)
_MOST_ROLLED_BACK = 10  # commits in a row, before this is taken for a lasting state of things


class Aborted(Exception):
    """The outputs of this commit are not to be relied on: restore from what the broker says and go on."""


class TransactionalWriter:
    """Writes batches of outputs together with the offsets they come from."""

    def __init__(self, properties: Properties, transactional_id: str) -> None:
        self.ready = False  # whether transactions are granted
        self._id = transactional_id
        self._properties = properties
        self._producer: Producer | None = None
        self._refused: KafkaError | None = None  # the first lasting refusal of an output
        self._refused_topic = ""
        self._rolled_back = 0  # commits in a row

    def start(self) -> None:
        """Fence off every older producer of this id, and settle what it left open. May be called again.

        :raises ServiceUnavailable: when no broker grants it in time.
        :raises TfstreamError: when it never will.
        """
        if self._producer is None:
            self._producer = new_transactional_producer(self._properties, self._id, self._on_delivery_failed)
        try:
            with Watchdog(self._id):
                self._producer.init_transactions(_START_TIMEOUT_S)
        except KafkaException as error:
            reason = error.args[0]
            if not reason.retriable():
                self._give_up()
                self._check_fatal(reason)
            raise broker_unreachable(self._properties, error) from None
        self.ready = True

    def commit(
        self, outputs: Iterable[Output], topic: str, positions: Sequence[Position], group_metadata: object
    ) -> None:
        """Steps 1 to 4.

        :raises Aborted: restore and go on, with :meth:`start` first when no longer ``ready``.
        :raises TfstreamError: this process must end.
        """
        offsets = [TopicPartition(topic, p.partition, p.offset, p.metadata) for p in positions]
        try:
            with Watchdog(self._id):
                self._granted().begin_transaction()
                self._produce(outputs)
                self._granted().send_offsets_to_transaction(offsets, group_metadata, _CALL_TIMEOUT_S)
                _persist(lambda: self._granted().commit_transaction(_CALL_TIMEOUT_S))
        except KafkaException as error:
            self._roll_back(error.args[0])
        self._rolled_back = 0

    def close(self) -> None:
        """Nothing more is to be written."""
        self._give_up()

    def refresh_metadata(self, topic: str) -> None:
        """A topic has more partitions than the producer may know of.

        :raises ServiceUnavailable: when no broker tells.
        """
        try:
            self._granted().list_topics(topic, timeout=_START_TIMEOUT_S)
        except KafkaException as error:
            raise broker_unreachable(self._properties, error) from None

    def _granted(self) -> Producer:
        assert self._producer is not None, "commit before start"
        return self._producer

    def _produce(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            while True:
                try:
                    self._produce_one(output)
                    break
                except BufferError:  # the local queue is full: let it drain
                    self._granted().poll(0.1)
                except KafkaException as error:
                    self._note_refusal(error.args[0], output.topic)
                    raise

    def _produce_one(self, output: Output) -> None:
        headers: list[tuple[str, str | bytes | None]] = list(output.headers)
        what = (output.topic, output.value, output.key)
        if output.partition is None:
            self._granted().produce(*what, headers=headers)
        else:
            self._granted().produce(*what, output.partition, headers=headers)

    def _roll_back(self, reason: KafkaError) -> None:
        """The three paths of a failed commit."""
        self._check_fatal(reason)
        self._rolled_back += 1
        if not self._aborted(reason):
            _log.warning("%s: a commit is not settled (%s); asking the broker", self._id, reason.str())
            self._give_up()
        self._check_lasting(reason)
        raise Aborted(reason.str())

    def _aborted(self, reason: KafkaError) -> bool:
        """Whether the transaction was rolled back and the producer can go on."""
        if reason.retriable() and not reason.txn_requires_abort():
            return False
        try:
            with Watchdog(self._id):
                _persist(lambda: self._granted().abort_transaction(_CALL_TIMEOUT_S))
        except KafkaException as error:
            self._check_fatal(error.args[0])
            return False
        return True

    def _give_up(self) -> None:
        """Nobody else holds the producer, not even a frame on the way here: this is where it ends."""
        self.ready = False
        with Watchdog(self._id):  # librdkafka waits for its threads
            self._producer = None

    def _check_fatal(self, reason: KafkaError) -> None:
        if not reason.fatal():
            return
        self._check_rights(reason)
        raise TfstreamError(
            f"another process took over the transactional id {self._id}, or this one was away for longer "
            f"than a transaction may last ({reason.str()}); it ends, nothing uncommitted was written; "
            f"give each process on a host a --slot of its own: by default it is the host's name"
        )

    def _check_lasting(self, reason: KafkaError) -> None:
        """What is refused every time would be read, scored and refused again for ever."""
        refused, self._refused = self._refused, None
        if refused is not None:
            denied = access_denied(self._properties, refused, f"WRITE on topic {self._refused_topic}")
            raise denied or TfstreamError(
                f"topic {self._refused_topic} refuses what is written to it ({refused.str()}); "
                f"nothing was committed: mend the topic's settings or rights and start again"
            )
        self._check_rights(reason)
        if self._rolled_back >= _MOST_ROLLED_BACK:
            raise TfstreamError(
                f"{self._rolled_back} commits in a row were rolled back, the last one because of: "
                f"{reason.str()}; this process ends, look at the broker's log"
            )

    def _check_rights(self, reason: KafkaError) -> None:
        """:raises AccessDenied: when the broker forbids a part of a transaction; names what to grant."""
        right = {
            KafkaError.GROUP_AUTHORIZATION_FAILED: "READ on the group of the scorers",
            KafkaError.TOPIC_AUTHORIZATION_FAILED: (
                "READ on the source, WRITE on .anomalies, .scores, .state and .dead-letters beside it"
            ),
        }.get(reason.code(), f"WRITE on transactional id {self._id}")
        denied = access_denied(self._properties, reason, right)
        if denied is not None:
            raise denied

    def _on_delivery_failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._note_refusal(error, message.topic() or "?")

    def _note_refusal(self, error: KafkaError, topic: str) -> None:
        if self._refused is None and error.code() in _LASTING:
            self._refused, self._refused_topic = error, topic


def _persist(call: Callable[[], object]) -> None:
    """Ending a transaction may be called again when librdkafka says so: it goes on where it was."""
    deadline = time.monotonic() + _CALL_TIMEOUT_S
    while True:
        try:
            call()
            return
        except KafkaException as error:
            reason = error.args[0]
            again = reason.retriable() and not reason.txn_requires_abort()
            if not again or time.monotonic() > deadline:
                raise
            _log.debug("trying again: %s", reason.str())
