"""A tag that sends every two minutes beside tags of a second: it is slow, and its own faults are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.integration.support.plants import Plant

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

LEARNT, LIVE = 5400, 3600  # rows of a second
FAULT = LIVE // 3  # the live row from which the tag of an asset stops, or repeats its value
BEGIN = pd.Timestamp("2026-01-05T00:00:00Z")
EVERY_S = 120
ASSETS = ("steady", "stopping", "sticking")


def test_a_slow_tag_is_silent_or_stuck_only_when_it_stops_or_repeats_its_value(
    plant: Plant, topic: str, tmp_path: Path
) -> None:
    tfstream = plant.tfstream
    tfstream.run("load", write(tmp_path / "learnt.csv", learnt_rows()), "--topic", topic)
    trained = tfstream.run("train", "--topic", topic, "--no-gate")
    assert "temperature sends rarely" in trained.stdout + trained.stderr
    tfstream.run("replay", write(tmp_path / "live.csv", live_rows()), "--topic", topic)
    tfstream.run("score", "--topic", topic, "--until-end")
    listed = json.loads(tfstream.run("anomalies", "list", "--topic", topic, "--json").stdout)
    of_tag = [alarm for alarm in listed if is_of_instrument(alarm)]
    assert sorted((alarm["asset"], alarm["kind"]) for alarm in of_tag) == [
        ("sticking", "instrument"),
        ("stopping", "silence"),
    ]
    fault_at = BEGIN + pd.Timedelta(seconds=LEARNT + FAULT)
    for alarm in of_tag:
        assert [sensor["name"] for sensor in alarm["sensors"]] == ["temperature"]
        late_s = (pd.Timestamp(alarm["started_at"]) - fault_at).total_seconds()
        assert -EVERY_S <= late_s < 4 * EVERY_S
        assert alarm["ended_at"] is None


def is_of_instrument(alarm: dict[str, Any]) -> bool:
    return bool(alarm["kind"] == "silence" or alarm["witness"] == "instrument")


def learnt_rows() -> pd.DataFrame:
    return pd.concat([plant_rows(asset, number, 0, LEARNT) for number, asset in enumerate(ASSETS)])


def live_rows() -> pd.DataFrame:
    frames = [plant_rows(asset, 10 + number, LEARNT, LIVE) for number, asset in enumerate(ASSETS)]
    stopping, sticking = frames[1], frames[2]
    stopping.loc[FAULT:, "temperature"] = np.nan
    sent = sticking.index[(sticking.index >= FAULT) & sticking["temperature"].notna()]
    sticking.loc[sent, "temperature"] = sticking.loc[sent[0], "temperature"]
    return pd.concat(frames)


def plant_rows(asset: str, seed: int, first: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    seconds = np.arange(first, first + rows)
    wave = np.sin(seconds / 200)
    temperature = 20 + 0.2 * np.sin(seconds / 3000) + 0.02 * rng.normal(size=rows)
    temperature[seconds % EVERY_S != 0] = np.nan
    return pd.DataFrame(
        {
            "time": BEGIN + pd.to_timedelta(seconds, unit="s"),
            "asset": asset,
            "pressure": 3 + 0.3 * wave + 0.02 * rng.normal(size=rows),
            "flow": 7 + 0.5 * wave + 0.05 * rng.normal(size=rows),
            "temperature": temperature,
        }
    )


def write(path: Path, frame: pd.DataFrame) -> Path:
    ordered = frame.sort_values(["time", "asset"])
    ordered.to_csv(path, index=False, float_format="%.5f", date_format="%Y-%m-%dT%H:%M:%SZ")
    return path
