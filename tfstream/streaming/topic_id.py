"""Whether a topic was deleted and created again: the new topic has another id."""

from __future__ import annotations

import time

from confluent_kafka import KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient

from tfstream.streaming.connection.client import new_admin
from tfstream.streaming.connection.properties import Properties

_TIMEOUT_S = 2.0
_FETCH_EVERY_S = 2.0
_NONE = str(Uuid(0, 0))  # from a broker whose version has no topic ids; after an upgrade it may have them


def is_another_topic(before: str, now: str) -> bool:
    """Whether both ids are known and differ."""
    return "" != before != now != ""


class TopicIdentity:
    """Asks the broker for a topic's id, at most every two seconds.

    An empty id is unknown: the topic does not exist at the moment, or the broker is away or has no topic ids,
    as librdkafka's mock cluster.
    """

    def __init__(self, properties: Properties, topic: str) -> None:
        self.known = ""  # the last id that the broker named
        self._topic = topic
        self._properties = properties
        self._has_no_ids = properties.get("allow.auto.create.topics") == "true"
        self._admin: AdminClient | None = None
        self._fetch_at = 0.0

    def fetch(self) -> str:
        """The id now; the last known id when the broker does not answer."""
        self._fetch_at = time.monotonic() + _FETCH_EVERY_S
        if not self._has_no_ids:
            self._admin = self._admin or new_admin(self._properties)
            self.known = self._described_id(self._admin) or self.known
        return self.known

    def recent(self) -> str:
        """The id as it was at most two seconds ago, for callers that need it at every commit."""
        return self.fetch() if time.monotonic() >= self._fetch_at else self.known

    def _described_id(self, admin: AdminClient) -> str:
        descriptions = admin.describe_topics(TopicCollection([self._topic]), request_timeout=_TIMEOUT_S)
        try:
            topic_id = str(descriptions[self._topic].result(_TIMEOUT_S).topic_id or "")
            return "" if topic_id == _NONE else topic_id
        except (KafkaException, TimeoutError):
            return ""
