"""A stuck sensor from the topic to the alarm that an operator sees, and its explanation."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.topic_reader import read_committed

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

STUCK = slice(300, 600)  # rows
BEGINS, ENDS = "2026-01-06T00:05:00Z", "2026-01-06T00:10:00Z"


def test_a_stuck_sensor_has_an_alarm_in_words_and_is_left_out_of_the_score(
    plant: Plant, trained_topic: str
) -> None:
    tfstream = plant.tfstream
    path = write_plant(plant.normal.with_name("stuck.csv"), rows=1400, start="2026-01-06T00:00:00Z")
    frame = pd.read_csv(path)
    frame.loc[frame.index[STUCK], "pressure"] = frame["pressure"].iloc[STUCK.start]
    frame.to_csv(path, index=False)
    tfstream.run("load", path, "--topic", trained_topic, "--asset", "stuck")
    tfstream.run("replay", path, "--topic", trained_topic, "--asset", "stuck")
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    listed = json.loads(tfstream.run("anomalies", "list", "--topic", trained_topic, "--json").stdout)
    (alarm,) = [each for each in listed if each["asset"] == "stuck" and each["witness"] == "instrument"]
    assert alarm["kind"] == "instrument"
    assert [sensor["name"] for sensor in alarm["sensors"]] == ["pressure"]
    assert alarm["reason"].startswith("pressure: stuck at ")
    assert BEGINS < alarm["started_at"] < alarm["ended_at"] <= ENDS
    messages = read_committed(tfstream.bootstrap, f"{trained_topic}.scores")
    masked = [
        message.body["masked"]
        for message in messages
        if message.body["asset"] == "stuck" and "00:07" <= message.body["ts"][11:16] < "00:10"
    ]
    assert masked
    assert all(names == ["pressure"] for names in masked)
    explained = tfstream.run("anomalies", "explain", alarm["id"][:8]).stdout
    assert "pressure" in explained
    assert "stuck at" in explained
