"""An asset that sends nothing for a week is forgotten: its silence is closed and its state removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support.in_process_scorer import score
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.topic_reader import read_committed
from tfstream.core.state import is_asset_key
from tfstream.streaming.topics import state_topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

OTHER_ASSETS = ("a", "b", "c", "d", "e", "f")  # enough that another asset shares the partition of "faulty"


def replay(plant: Plant, topic: str, folder: Path, day: int, *assets: str) -> None:
    file = write_plant(folder / f"{day}.csv", rows=300, start=f"2026-01-{day:02}T00:00:00Z")
    for asset in assets:
        plant.tfstream.run("replay", file, "--topic", topic, "--asset", asset)


def known_assets(plant: Plant, topic: str) -> set[str]:
    """Assets whose state is in the state topic after compaction."""
    last = {
        message.key: message.value for message in read_committed(plant.tfstream.bootstrap, state_topic(topic))
    }
    kept = [key or b"" for key, value in last.items() if value is not None]
    return {key.decode() for key in kept if is_asset_key(key)}


def silences(plant: Plant, topic: str, asset: str) -> list[tuple[str, str | None]]:
    events = [message.body for message in read_committed(plant.tfstream.bootstrap, f"{topic}.anomalies")]
    return [
        (event["event"], event["ended_at"])
        for event in events
        if event["kind"] == "silence" and event["asset"] == asset
    ]


def count_scores(plant: Plant, topic: str, asset: str) -> int:
    messages = read_committed(plant.tfstream.bootstrap, f"{topic}.scores")
    return sum(message.key == asset.encode() for message in messages)


def test_a_gone_asset_leaves_no_state_and_may_return(
    plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    """The asset's last reading is of January 6; each call of ``score`` is a new scorer."""
    replay(plant, trained_topic, tmp_path, 10, *OTHER_ASSETS)
    score(plant.tfstream, trained_topic)
    assert silences(plant, trained_topic, "faulty") == [("opened", None)]
    assert known_assets(plant, trained_topic) == {"faulty", *OTHER_ASSETS}
    replay(plant, trained_topic, tmp_path, 14, *OTHER_ASSETS)
    score(plant.tfstream, trained_topic)
    assert known_assets(plant, trained_topic) == set(OTHER_ASSETS)
    ((_, _), (event, ended_at)) = silences(plant, trained_topic, "faulty")
    assert event == "closed"
    assert (ended_at or "").startswith("2026-01-13T00:1")  # a week after its last readings
    replay(plant, trained_topic, tmp_path, 15, "faulty")
    score(plant.tfstream, trained_topic)
    assert known_assets(plant, trained_topic) == {"faulty", *OTHER_ASSETS}
    assert count_scores(plant, trained_topic, "faulty") == 80 + 30
