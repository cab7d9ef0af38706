"""``python -m ops.docs.draw``: draw the Mermaid blocks of the pages that have no picture or an old one."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from ops.docs.pictures import FOLDER, blocks, file_name, mark

# The seed makes two drawings of one block equal, byte for byte.
_STYLE = {
    "theme": "base",
    "themeCSS": ".edgeLabel rect, .labelBkg { opacity: 1; }",
    "htmlLabels": False,
    "handDrawnSeed": 1,
    "flowchart": {
        "htmlLabels": False,
        "nodeSpacing": 30,
        "rankSpacing": 36,
        "wrappingWidth": 400,
        "subGraphTitleMargin": {"top": 4, "bottom": 8},
    },
    "themeVariables": {
        "fontFamily": "sans-serif",
        "fontSize": "14px",
        "primaryColor": "#e8eef9",
        "primaryBorderColor": "#3b5998",
        "primaryTextColor": "#1a1a1a",
        "lineColor": "#444444",
        "clusterBkg": "#f7f7f4",
        "clusterBorder": "#999999",
        "edgeLabelBackground": "#ffffff",
    },
}


def draw(source: str, name: str) -> str:
    """The block as SVG, by the Mermaid that mermaidx carries: no browser, no network."""
    styled = f"%%{{init: {json.dumps(_STYLE)}}}%%\n{source}"
    command = [sys.executable, "-m", "mermaidx", "--quiet", "--input", "-"]
    svg = subprocess.run(command, input=styled, stdout=subprocess.PIPE, text=True, check=True).stdout
    svg = re.sub(r' data-points="[^"]*"', "", svg)  # for Mermaid's own editor
    svg = re.sub(r' width="100%"(.*?) style="max-width: ([\d.]+)px;', r' width="\2"\1 style="', svg, count=1)
    return (
        svg.replace("my-svg", f"picture-{name.removesuffix('.svg')}").strip() + "\n"
    )  # ids are unique in a page


def main() -> None:
    wanted = {file_name(source): source for source in blocks()}
    for path in FOLDER.glob("*.svg"):
        if path.name not in wanted:
            path.unlink()
    for name, source in wanted.items():
        path, first = FOLDER / name, mark(source) + "\n"
        if not path.exists() or not path.read_text("utf-8").startswith(first):
            path.write_text(first + draw(source, name), encoding="utf-8")


if __name__ == "__main__":
    main()
