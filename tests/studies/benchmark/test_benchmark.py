"""The benchmark keeps running: its smallest part in full, and every section from figures that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.studies.benchmark import __main__ as benchmark
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant, definition
from tests.studies.benchmark.study import STUDY
from tfstream.core.messages.codec import Codec

KEPT = Path("docs/performance")


@pytest.mark.postgres
@pytest.mark.slow
def test_a_part_is_measured_and_written_down(tmp_path: Path) -> None:
    folder = tmp_path / "performance"
    assert benchmark.main(["training_read", "--quick", "--out", str(folder), "--work", str(tmp_path)]) == 0
    kept = json.loads((folder / "training_read.json").read_text(encoding="utf-8"))
    assert kept["reduced"]
    assert kept["found"]["values"] == 5 * 2_500 * SENSORS
    assert min(kept["found"]["seconds"]) > 0
    assert {"commit", "machine", "versions"} <= kept.keys()
    assert "## Training read" in folder.with_suffix(".md").read_text(encoding="utf-8")


def test_an_unknown_part_is_refused() -> None:
    assert benchmark.main(["nothing"]) == 2


@pytest.mark.parametrize("name", STUDY.parts)
def test_kept_figures_can_be_told(name: str) -> None:
    place = KEPT / f"{name}.json"
    if not place.exists():
        pytest.skip(f"{name} has not been measured")
    assert STUDY.part(name).section(json.loads(place.read_text(encoding="utf-8"))["found"]).startswith("## ")


def test_the_plants_messages_are_what_the_codec_reads() -> None:
    codec = Codec(definition("t"))
    sent = list(BenchmarkPlant(3, partitions=2).messages(5, 7))
    read = [codec.decode(one.value, one.key, one.time_ms) for one in sent]
    assert [one.asset for one in read] == ["asset-00000", "asset-00001", "asset-00002"] * 2
    assert [one.partition for one in sent] == [0, 1, 0] * 2
    assert all(one.values.shape == (SENSORS,) for one in read)
    assert len({one.values.tobytes() for one in read}) == 6
    assert not codec.unknown_fields
