"""A topic's id: unknown where the broker has none, and requested at most every two seconds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Uuid

from tfstream.streaming import topic_id
from tfstream.streaming.topic_id import TopicIdentity


@pytest.mark.parametrize(
    ("described", "known"), [(Uuid(0, 0), ""), (Uuid(1, 2), str(Uuid(1, 2))), (None, "")]
)
def test_an_id_of_zeros_is_unknown(described: Uuid | None, known: str) -> None:
    """Brokers before 2.8 report zeros; the upgrade of a broker creates no new topic."""
    description = SimpleNamespace(result=lambda timeout: SimpleNamespace(topic_id=described))
    admin: Any = SimpleNamespace(describe_topics=lambda topics, request_timeout: {"t": description})
    assert TopicIdentity({}, "t")._described_id(admin) == known


def test_an_unknown_id_is_requested_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every two seconds, until the broker names the id."""
    now, answers = [100.0], ["", "", "one", "two"]
    monkeypatch.setattr(topic_id, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(topic_id, "new_admin", lambda properties: None)
    identity = TopicIdentity({}, "t")
    monkeypatch.setattr(identity, "_described_id", lambda admin: answers.pop(0))
    assert identity.fetch() == ""
    ids = []
    for _ in range(8):
        ids.append(identity.recent())
        now[0] += 1.0
    assert ids == ["", "", "", "", "one", "one", "two", "two"]
