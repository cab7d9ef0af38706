"""Whether a topic is still the one it was: a topic that is deleted and made anew has another id."""

from __future__ import annotations

import time

from confluent_kafka import KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient

from tfstream.streaming.client import new_admin
from tfstream.streaming.properties import Properties

_TIMEOUT_S = 2.0
_ASK_EVERY_S = 2.0
_NONE = str(Uuid(0, 0))  # from a broker of before topics had ids: the next one may be newer


def is_another_topic(before: str, now: str) -> bool:
    """Whether two ids are known, and of two topics."""
    return "" != before != now != ""


class TopicIdentity:
    """Asks the broker for a topic's id, now and then.

    An empty id is unknown: the topic is not there at the moment, or the broker is away or tells none, as
    librdkafka's mock cluster.
    """

    def __init__(self, properties: Properties, topic: str) -> None:
        self.known = ""  # the last one that was heard of
        self._topic = topic
        self._properties = properties
        self._mute = properties.get("allow.auto.create.topics") == "true"
        self._admin: AdminClient | None = None
        self._ask_at = 0.0

    def fetch(self) -> str:
        """The id as of now; when nobody tells it, the one that was known."""
        self._ask_at = time.monotonic() + _ASK_EVERY_S
        if not self._mute:
            self._admin = self._admin or new_admin(self._properties)
            self.known = self._told(self._admin) or self.known
        return self.known

    def recent(self) -> str:
        """The id as of two seconds ago at most, for who asks at every commit."""
        return self.fetch() if time.monotonic() >= self._ask_at else self.known

    def _told(self, admin: AdminClient) -> str:
        found = admin.describe_topics(TopicCollection([self._topic]), request_timeout=_TIMEOUT_S)
        try:
            told = str(found[self._topic].result(_TIMEOUT_S).topic_id or "")
            return "" if told == _NONE else told
        except (KafkaException, TimeoutError):
            return ""
