"""An asset that is gone for good is forgotten: its silence is closed and its state removed at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.in_process_scorer import score
from tests.integration.plants import Plant, write_plant
from tests.integration.topic_reader import read_committed
from tfstream.core.state import HEAD_KEY
from tfstream.streaming.topics import state_topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

ALONG = ("a", "b", "c", "d", "e", "f")  # enough for one beside "faulty" in its partition


def replay(plant: Plant, topic: str, folder: Path, day: int, *assets: str) -> None:
    file = write_plant(folder / f"{day}.csv", rows=300, start=f"2026-01-{day:02}T00:00:00Z")
    for asset in assets:
        plant.tfstream.run("replay", file, "--topic", topic, "--asset", asset)


def known_assets(plant: Plant, topic: str) -> set[str]:
    """Whose state compaction would leave."""
    last = {one.key: one.value for one in read_committed(plant.tfstream.bootstrap, state_topic(topic))}
    return {(key or b"").decode() for key, value in last.items() if value is not None and key != HEAD_KEY}


def silences(plant: Plant, topic: str, asset: str) -> list[tuple[str, str | None]]:
    events = [one.body for one in read_committed(plant.tfstream.bootstrap, f"{topic}.anomalies")]
    return [
        (one["event"], one["ended_at"])
        for one in events
        if one["kind"] == "silence" and one["asset"] == asset
    ]


def scores(plant: Plant, topic: str, asset: str) -> int:
    found = read_committed(plant.tfstream.bootstrap, f"{topic}.scores")
    return sum(one.key == asset.encode() for one in found)


def test_an_asset_that_is_gone_leaves_nothing_behind_and_may_return(
    plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    """It was last heard on the sixth; in between the scorer is another process each time."""
    replay(plant, trained_topic, tmp_path, 10, *ALONG)
    score(plant.tfstream, trained_topic)
    assert silences(plant, trained_topic, "faulty") == [("opened", None)]
    assert known_assets(plant, trained_topic) == {"faulty", *ALONG}
    replay(plant, trained_topic, tmp_path, 14, *ALONG)
    score(plant.tfstream, trained_topic)
    assert known_assets(plant, trained_topic) == set(ALONG)
    ((_, _), (event, ended_at)) = silences(plant, trained_topic, "faulty")
    assert event == "closed"
    assert (ended_at or "").startswith("2026-01-13T00:1")  # a week after its last readings
    replay(plant, trained_topic, tmp_path, 15, "faulty")
    score(plant.tfstream, trained_topic)
    assert known_assets(plant, trained_topic) == {"faulty", *ALONG}
    assert scores(plant, trained_topic, "faulty") == 80 + 30
