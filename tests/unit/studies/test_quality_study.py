"""The framework of the studies: pages from JSON, cached jobs, faults in training rows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.studies.benchmark.study import STUDY as BENCHMARK
from tests.studies.page import write_page
from tests.studies.parts import Study
from tests.studies.quality import __main__ as command
from tests.studies.quality import ablation, budget_picture, speed
from tests.studies.quality.ablation_jobs import REWEIGHED
from tests.studies.quality.contamination import contaminated
from tests.studies.quality.jobs import Job, run
from tests.studies.quality.settings import QualitySettings
from tests.studies.quality.study import STUDY
from tests.studies.quality.suites import section
from tests.studies.simulated_readings import names, readings, series
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.core.stream import StreamDefinition
from tfstream.model.scoring.terms import TERMS

DOCS = Path(__file__).parents[3] / "docs"
_ALARMS = (
    "event_recall",
    "event_precision",
    "false_alarms_per_week",
    "median_delay_rows",
    "affiliation_f",
    "affiliation_f_by_chance",
    "found",
    "events",
)


def figures(value: float, spread: float | None = None) -> dict[str, Any]:
    return {name: {"mean": value, "spread": spread} for name in ("vus_pr", "vus_roc", "auc_pr", "auc_roc")}


def average(method: str, whole: float, test: float, file: str | None = None) -> dict[str, Any]:
    """One method on the suite msl."""
    alarms = {name: {"mean": 2.0, "spread": 0.5} for name in _ALARMS}
    return {
        "suite": "msl",
        "file": file,
        "method": method,
        "files": 1,
        "whole_series": figures(whole, 0.012),
        "test_rows": figures(test),
        "alarms": {**alarms, "event_precision": {"mean": None, "spread": None}}
        if method == "tfstream"
        else {},
    }


def suite_figures(test: float) -> dict[str, Any]:
    methods = {"tfstream": (0.5781, test), "VAR": (0.3, 0.4), "VAR normalised": (0.3, 0.45)}
    return {
        "seeds": 3,
        "suites": [average(name, *of) for name, of in methods.items()],
        "files": [average(name, *of, file="msl/a.parquet") for name, of in methods.items()],
    }


def document(name: str, content: dict[str, Any], reduced: str | None = None) -> str:
    return json.dumps(
        {
            "part": name,
            "command": f"python -m tests.studies.quality {name} --seeds 3",
            "reduced": reduced,
            "commit": "0123456789ab",
            "date": "2026-01-05",
            "seconds": 61.4,
            "machine": {"cpu": "a processor", "cores": 8, "processes": 4},
            "versions": {"tfstream": "0.1.0", "python": "3.11.1"},
            "found": content,
        }
    )


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_targets_are_met_or_missed_according_to_the_figures() -> None:
    assert lines(section(suite_figures(0.5)), "| VUS-PR, whole series, msl") == [
        "| VUS-PR, whole series, msl | .578 | ≥ .56 | met |"
    ]
    for test, verdict in ((0.5, "met"), (0.44, "**missed**")):
        (line,) = lines(section(suite_figures(test)), "| VUS-PR, test rows, msl")
        assert (
            line
            == f"| VUS-PR, test rows, msl | {test:.3f} | ≥ .450, the better VAR | {verdict} |".replace(
                "0.", "."
            )
        )
    assert lines(section(suite_figures(0.45)), "| advantage") == [
        "| advantage over the better VAR, test rows, mean of the suites | .000 | ≥ .05 | **missed** |"
    ]


def test_spreads_and_undefined_figures() -> None:
    text = section(suite_figures(0.5))
    assert "| msl | tfstream | .578 ± .012 | .578 ± .012 | .578 ± .012 |" in text
    assert "| msl | tfstream | .500 | .500 | .500 |" in text
    assert "| msl | 2.00 ± .50 | - | 2.00 ± .50 |" in text
    assert "| msl/a.parquet | .578 ± .012 | .500 | .400 | .450 | 2.0 of 2 |" in text


def test_the_page_has_the_measured_parts_in_their_order(tmp_path: Path) -> None:
    folder = tmp_path / "quality"
    folder.mkdir()
    cases = [
        {
            "name": "gaps",
            "scores": 3,
            "windows": 4,
            "seen": False,
            "refusal": "",
            "failure": "",
            "as_wanted": False,
        }
    ]
    one = {"clean": 0.5, "contaminated": 0.44}
    suites = {"msl": {"fits": 1, "share": 0.051, "whole_series": one, "test_rows": one}}
    contamination = {"share": 0.05, "every": {"skab": 3}, "seeds": 1, "suites": suites}
    robustness = {"cases": cases, "contamination": contamination}
    (folder / "robustness.json").write_text(document("robustness", robustness), encoding="utf-8")
    (folder / "suites.json").write_text(document("suites", suite_figures(0.5), "at most 1"), encoding="utf-8")
    text = write_page(folder, STUDY).read_text(encoding="utf-8")
    assert lines(text, "## ") == ["## Labelled suites", "## Robustness"]
    assert lines(text, "**Reduced") == ["**Reduced run: at most 1.**"]
    assert "| gaps | 3 of 4 windows scored | **no** | **missed** |" in text
    assert "| loss, mean of the suites, test rows | .060 | ≤ .05 | **missed** |" in text
    source = (
        "2026-01-05, commit 0123456789ab: 61 s on 4 of 8 cores (a processor); tfstream 0.1.0, python 3.11.1."
    )
    assert text.count(source) == 2


def test_figures_of_other_machines_are_folded_up_under_the_part(tmp_path: Path) -> None:
    folder = tmp_path / "quality"
    for place, share in ((folder, 0.5), (folder / "faster", 0.7)):
        place.mkdir()
        (place / "suites.json").write_text(document("suites", suite_figures(share)), encoding="utf-8")
    text = write_page(folder, STUDY).read_text(encoding="utf-8")
    own, summary, others = text.partition("<summary>The same on a processor, 2026-01-05</summary>")
    assert summary
    assert ".700" not in own
    assert ".700" in others


def test_failed_measurements_and_missed_targets_show() -> None:
    fit = {"seconds": 14.0, "cpu_seconds": 13.0, "data_bytes": 2e5, "bytes_before": 2e8, "peak_bytes": 3e9}
    sizes = ((2_000, 25, None), (50_000, 30, None), (1_000_000, 127, "MemoryError: no"))
    training = [{"rows": r, "channels": c, "failure": why, **fit} for r, c, why in sizes]
    rate = {"windows_per_cpu_second": 2500, "flops_per_window": 1e7, "gemm_flops_per_second": 9e10}
    scoring = [
        {"channels": 25, "windows_per_second": 2400, "share_of_gemm": 0.2, "bundle_bytes": 4e6, **rate}
    ]
    text = speed.section({"training": training, "scoring": scoring})
    assert "| 2,000 x 25 | 14.0 (≤ 15: met) | 13.0 | 0 | 200 | 3,000 |" in text
    assert (
        "| 1,000,000 x 127: MemoryError: no | 14.0 | 13.0 | 0 | 200 | 3,000 (≤ 2,147: **missed**) |" in text
    )
    assert "| 25 | 2,400 (≥ 3,000: **missed**) | 2,500 | 10.0 | 90.0 | 20 % | 4.0 (≤ 5: met) |" in text


def test_ablation_shows_differences_with_their_signs() -> None:
    def row(name: str, mean: float, difference: float) -> dict[str, Any]:
        figures = {"mean": {"mean": mean, "spread": 0.01}, "msl": {"mean": mean, "spread": 0.01}}
        changed = {"mean": {"mean": difference, "spread": 0.02}}
        protocols = ("whole_series", "test_rows")
        return {
            "row": name,
            **dict.fromkeys(protocols, figures),
            "difference": dict.fromkeys(protocols, changed),
        }

    rows = [row("full", 0.6, 0.0), row("without", 0.58, -0.02), row("alone", 0.63, 0.03)]
    text = ablation.section({"seeds": 3, "files": {"msl": 14}, "every": {"skab": 3}, "rows": rows})
    assert text.count("| without | .580 ± .010 | -.020 ± .020 | .580 ± .010 |") == 2
    assert text.count("| alone | .630 ± .010 | +.030 ± .020 | .630 ± .010 |") == 2
    assert "The largest spread of a difference's mean is .020." in text


def test_an_unknown_part() -> None:
    with pytest.raises(KeyError):
        STUDY.part("luck")


def test_without_data_the_command_asks_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = command.main(["suites", "--data", str(tmp_path / "no"), "--out", str(tmp_path / "quality")])
    assert code == 2
    assert "labelled data" in capsys.readouterr().err


def test_parts_are_checked_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["suites", "luck"]) == 2
    assert "no such part: luck" in capsys.readouterr().err


def test_no_part_means_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Measured:
        def measure(self, settings: QualitySettings) -> dict[str, Any]:
            return {"seeds": settings.seeds, "undefined": float("nan")}

        def section(self, found: dict[str, Any]) -> str:
            return f"## A part\n\n{found['seeds']} seeds, {found['undefined']}"

    monkeypatch.setattr(Study, "part", lambda study, name: Measured())
    assert command.main(["--seeds", "2", "--out", str(tmp_path / "quality")]) == 0
    assert {place.stem for place in (tmp_path / "quality").iterdir()} == set(STUDY.parts)
    text = (tmp_path / "quality.md").read_text(encoding="utf-8")
    assert text.count("2 seeds, None") == len(STUDY.parts)
    assert text.count("python -m tests.studies.quality") == len(STUDY.parts)


def test_a_job_is_computed_once(tmp_path: Path) -> None:
    settings = QualitySettings(data=None, processes=1, cache=tmp_path)
    jobs = [Job(work=names, arguments={"channels": count}) for count in (2, 1)]
    assert run(jobs, settings, "names") == [["s0", "s1"], ["s0"]]
    kept = tmp_path / "names" / f"{jobs[1].key}.json"
    kept.write_text('["kept"]', encoding="utf-8")
    assert run(jobs, settings, "names") == [["s0", "s1"], ["kept"]]


def test_faults_are_injected_into_training_rows_only() -> None:
    values = readings(1500, 5)
    values[100:110, 2] = np.nan
    labelled = LabelledSeries(
        path=Path("a.csv"),
        definition=StreamDefinition(topic="a", sensors=names(5), interval_us=1_000_000),
        series=series(values),
        labels=np.zeros(1500, dtype=bool),
        train_rows=1200,
        window=20,
    )
    faulty, share = contaminated(labelled, 0.05, np.random.default_rng(0))
    changed = (faulty.series.values != values) & ~np.isnan(values)
    assert not changed[1200:].any()
    assert changed.any(axis=1).mean() * 1500 == pytest.approx(share * 1200)
    assert 0.05 <= share < 0.08
    np.testing.assert_array_equal(np.isnan(faulty.series.values), np.isnan(values))
    assert contaminated(labelled, 0.0, np.random.default_rng(0))[1] == 0


@pytest.mark.parametrize("row", REWEIGHED)
def test_a_row_of_the_ablation_keeps_the_terms_of_its_name(row: str) -> None:
    left = {name for name, weight in zip(TERMS, REWEIGHED[row](np.ones(len(TERMS))), strict=True) if weight}
    kept = {"closed forms only (V, P, R)": {"V", "P", "R"}, "V alone": {"V"}}
    taken = {
        "without cross-domain retrieval (X, Mx)": {"X", "Mx"},
        "without the memory (Mj, Mx)": {"Mj", "Mx"},
        "without consistency (N)": {"N"},
        "without the network's errors (T, F, X)": {"T", "F", "X"},
        "without the self-test": set[str](),
        "network only": {"V", "P", "R"},
    }
    assert left == (kept[row] if row in kept else set(TERMS) - taken[row])


@pytest.mark.parametrize(
    ("page", "study"), [("quality", STUDY), ("performance", BENCHMARK)], ids=["quality", "performance"]
)
def test_the_page_in_docs_is_rendered_from_its_json_files(page: str, study: Study, tmp_path: Path) -> None:
    shutil.copytree(DOCS / page, tmp_path / page)
    rendered = write_page(tmp_path / page, study).read_text(encoding="utf-8")
    assert rendered == (DOCS / f"{page}.md").read_text(encoding="utf-8")


def test_the_picture_in_docs_is_drawn_from_its_json_file(tmp_path: Path) -> None:
    stored = json.loads((DOCS / "quality" / "budget.json").read_text(encoding="utf-8"))
    budget_picture.draw(stored["found"], tmp_path / "budget.svg")
    assert (tmp_path / "budget.svg").read_bytes() == (DOCS / "quality" / "budget.svg").read_bytes()
