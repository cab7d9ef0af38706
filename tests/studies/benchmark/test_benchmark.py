"""The benchmark works: its smallest part in a quick run, and every section from stored figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.studies.benchmark import __main__ as benchmark
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant, definition
from tests.studies.benchmark.study import STUDY
from tfstream.core.messages.codec import Codec

STORED = Path("docs/performance")


@pytest.mark.postgres
@pytest.mark.slow
def test_a_part_is_measured_and_saved(tmp_path: Path) -> None:
    folder = tmp_path / "performance"
    assert benchmark.main(["training_read", "--quick", "--out", str(folder), "--work", str(tmp_path)]) == 0
    stored = json.loads((folder / "training_read.json").read_text(encoding="utf-8"))
    assert stored["reduced"]
    assert stored["found"]["values"] == 5 * 2_500 * SENSORS
    assert min(stored["found"]["seconds"]) > 0
    assert {"commit", "machine", "versions"} <= stored.keys()
    assert "## Training read" in folder.with_suffix(".md").read_text(encoding="utf-8")


def test_an_unknown_part_is_refused() -> None:
    assert benchmark.main(["nothing"]) == 2


@pytest.mark.parametrize("name", STUDY.parts)
def test_stored_figures_can_be_rendered(name: str) -> None:
    file = STORED / f"{name}.json"
    if not file.exists():
        pytest.skip(f"{name} has not been measured")
    assert STUDY.part(name).section(json.loads(file.read_text(encoding="utf-8"))["found"]).startswith("## ")


def test_the_codec_reads_the_generated_messages() -> None:
    codec = Codec(definition("t"))
    sent = list(BenchmarkPlant(3, partitions=2).messages(5, 7))
    read = [codec.decode(message.value, message.key, message.time_ms) for message in sent]
    assert [reading.asset for reading in read] == ["asset-00000", "asset-00001", "asset-00002"] * 2
    assert [message.partition for message in sent] == [0, 1, 0] * 2
    assert all(reading.values.shape == (SENSORS,) for reading in read)
    assert len({reading.values.tobytes() for reading in read}) == 6
    assert not codec.unknown_fields
