"""Copy a stream with its models, so that one training serves many tests."""

from __future__ import annotations

import psycopg

_STREAM = """
INSERT INTO stream (topic, definition)
SELECT %(copy)s, definition || jsonb_build_object('topic', %(copy)s::text) FROM stream WHERE topic = %(topic)s
"""
_MODEL = """
INSERT INTO model
    (stream_id, version, status, metrics, bundle, sha256, trained_from, trained_until, rows, seed)
SELECT copy.id, version, status, metrics, bundle, sha256, trained_from, trained_until, rows, seed
FROM model JOIN stream ON stream.id = model.stream_id AND stream.topic = %(topic)s
CROSS JOIN (SELECT id FROM stream WHERE topic = %(copy)s) AS copy
"""

_HISTORY = """
INSERT INTO champion_change (stream_id, version, changed_at, how)
SELECT copy.id, version, champion_change.changed_at, how
FROM champion_change JOIN stream ON stream.id = champion_change.stream_id AND stream.topic = %(topic)s
CROSS JOIN (SELECT id FROM stream WHERE topic = %(copy)s) AS copy
ORDER BY champion_change.id
"""


def copy_stream(url: str, topic: str, copy: str) -> None:
    """Copy the definition under another topic, and the models, byte for byte."""
    with psycopg.connect(url) as connection:
        connection.execute(_STREAM, {"topic": topic, "copy": copy})
    copy_models(url, topic, copy)


def copy_models(url: str, topic: str, copy: str) -> None:
    """Copy the models and the champion history of ``topic`` to the stream ``copy``."""
    with psycopg.connect(url) as connection:
        connection.execute(_MODEL, {"topic": topic, "copy": copy})
        connection.execute(_HISTORY, {"topic": topic, "copy": copy})
