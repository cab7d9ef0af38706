"""The documentation matches the code, its links lead to pages, and it loads nothing from another host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from ops.docs import links, pictures
from ops.docs.code import METRICS, SETTINGS, app
from ops.docs.pages import PAGES, ROOT

DOCS = ROOT / "docs"
TFSTREAM: Any = get_command(app)
READ_ALONE = (
    *sorted(DOCS.glob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "ops/README.md",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as ``make docs`` builds it: any warning fails it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, each in getattr(command, "commands", {}).items():
        yield from walk(f"{name} {word}", each)


def code(page: str) -> str:
    """The blocks and the spans of code of a page, without comments and quoted texts.

    Lines that end in a backslash are joined with the next.
    """
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.M | re.S)
    prose = re.sub(r"^```\w*\n.*?^```", "", page, flags=re.M | re.S)
    lines = re.findall(r"^ {4}.*$", prose, re.M)
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)
    joined = "\n".join([*blocks, *lines, *spans]).replace("\\\n", " ")
    return re.sub(r"\s#.*$", "", re.sub(r'"[^"\n]*"', "TEXT", joined), flags=re.M)


def mistakes(page: str) -> list[str]:
    """What a page shows of ``tfstream`` that does not exist: commands, and options of commands."""
    wrong = []
    for shown in re.findall(r"(?:^|[\s`(])tfstream ([^;|&`\n]+)", code(page), re.M):
        words, command = shown.split(), TFSTREAM
        while words and words[0] in getattr(command, "commands", {}):
            command = getattr(command, "commands", {})[words.pop(0)]
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
        if getattr(command, "commands", None) and words and not words[0].startswith("-"):
            wrong.append(f"tfstream {shown}: there is no such command")
        for option in re.findall(r"(?<!\S)--?[a-z][\w-]*", " ".join(words)):
            if option not in known:
                wrong.append(f"tfstream {shown}: there is no option {option}")
    return wrong


def test_the_search_for_commands_sees_a_wrong_command_and_a_wrong_option() -> None:
    block = "```\n$ for run in 0; do tfstream load $run.csv --topc T; done\n$ tfstream anomaly list\n```\n"
    assert mistakes(block) == [
        "tfstream load $run.csv --topc T: there is no option --topc",
        "tfstream anomaly list: there is no such command",
    ]
    assert mistakes("use `tfstream models rollback --topic T \\\n  --reason 'x'` and `tfstream --help`") == []
    assert mistakes("    tfstream trainer --schedule '0 2' --every 3   # --nothing\n") != []


@pytest.mark.parametrize(
    "page", [page for page in READ_ALONE if page != DOCS / "commands.md"], ids=lambda page: page.name
)
def test_every_command_and_option_that_a_page_shows_exists(page: Path) -> None:
    assert mistakes(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_page_matches_the_code(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path](), f"{path} is old: run `make docs`"


def test_every_command_and_every_option_is_documented() -> None:
    sections = dict(re.findall(r"^#+ (tfstream[\w -]*)\n(.*?)(?=^#|\Z)", text("commands.md"), re.M | re.S))
    for name, command in walk("tfstream", TFSTREAM):
        if command.hidden:
            continue
        for option in command.params:
            if not option.hidden:
                assert f"`{option.opts[0]}`" in sections[name], f"{name} {option.opts[0]}"


def test_every_variable_that_the_code_names_is_documented() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tfstream").rglob("*.py"))
    variables = set(re.findall(r"\bTFSTREAM_[A-Z_]+[A-Z]\b", code)) - {"TFSTREAM_KAFKA"}
    assert len(variables) > len(SETTINGS)
    documented = text("settings.md")
    missing = {name for name in variables if name not in documented}
    assert missing == {name for name in missing if name.startswith("TFSTREAM_KAFKA_")}, missing
    assert all(setting.variable in documented and setting.meaning in documented for setting in SETTINGS)


def test_every_metric_is_documented() -> None:
    for metric in METRICS:
        row = f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.meaning} |"
        assert row in text("metrics.md"), metric.name


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"- ([\w-]+\.md)$", navigation, re.M)) == sorted(
        p.name for p in DOCS.glob("*.md")
    )


def test_the_site_loads_nothing_from_another_host(site: Path) -> None:
    pages = list(site.glob("*.html"))
    assert {page.stem for page in pages} == {page.stem for page in DOCS.glob("*.md")} | {"404"}
    for page in pages:
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?([^\"' >]+)", html
        )
        assert loaded
        assert not [address for address in loaded if "//" in address], page.name
        assert 'class="mermaid"' not in html  # the theme would fetch Mermaid for it
    styles = "".join(sheet.read_text(encoding="utf-8") for sheet in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//", styles)


def test_the_site_shows_the_pictures(site: Path) -> None:
    html = (site / "architecture.html").read_text(encoding="utf-8")
    for source in pictures.blocks():
        assert f'aria-label="{pictures.title(source)}"><svg' in html


def test_a_picture_of_another_block_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    source = pictures.blocks()[0]
    pictures.fence(source, "mermaid", "picture", {}, None)
    assert not caplog.records
    pictures.fence(source + "  more --> nodes\n", "mermaid", "picture", {}, None)
    assert "make pictures" in caplog.text


def test_a_page_that_is_named_becomes_a_link() -> None:
    written = "see `docs/sql.md`, [rules](../ops/prometheus/tfstream.rules.yaml), [gone](../gone.md)\n"
    fenced = "```\n`docs/sql.md`\n```\n"
    shown = links.on_page_markdown(written + fenced)
    title = text("sql.md").partition("# ")[2].partition("\n")[0]
    assert f"see [{title}](sql.md), rules (`ops/prometheus/tfstream.rules.yaml`), [gone](../gone.md)" in shown
    assert shown.endswith(fenced)


@pytest.mark.parametrize("page", [*READ_ALONE, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_no_page_holds_the_mark_of_an_unfinished_merge(page: Path) -> None:
    assert not re.search(r"^(<{7}|={7}|>{7})( |$)", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", READ_ALONE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:\w[\w.-]*/)+[\w.-]+\.(?:py|md|sql|yaml|yml|toml|xml))`", page.read_text("utf-8")
    )
    below = (ROOT, ROOT / "tfstream", page.parent)
    assert not [path for path in named if not any((folder / path).exists() for folder in below)]
