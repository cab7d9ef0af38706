"""The commands of ``docs/walkthrough.md``, what the page says that they print, and how to run them."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.integration.support.commands import Tfstream

PAGE = Path(__file__).parents[3] / "docs" / "walkthrough.md"
OMITTED = "…"  # a line of the page that stands for lines of the output

_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LOOP = re.compile(r"for (\w+) in (.*?); do (.*?); done")
_SHOW = re.compile(r"(tfstream anomalies show )\w+")
_TIMEOUT_S = 480.0


class Step(NamedTuple):
    """A command of the page, as it stands after the prompt ``$``, and its output there, line by line."""

    command: str
    output: tuple[str, ...]

    @property
    def is_of_tfstream(self) -> bool:
        """Whether it runs nothing but ``tfstream``; the page also has commands of ``psql`` and ``kcat``."""
        return "tfstream" in (self.command.split()[0], *_loop_body(self.command)[:1])

    def argument_lists(self) -> Iterator[list[str]]:
        """The arguments of each ``tfstream`` that the command runs: a loop runs several."""
        loop = _LOOP.fullmatch(self.command)
        if loop is None:
            yield shlex.split(self.command)[1:]
            return
        name, values, body = loop.groups()
        for value in values.split():
            yield shlex.split(body.replace(f"${name}", value))[1:]


def steps(page: str) -> list[Step]:
    """All commands of a page with their outputs, in its order."""
    found = []
    for block in _BLOCK.findall(page):
        lines = block.rstrip("\n").split("\n")
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            found.append(_step(lines[start:end]))
    return found


def of_an_alarm(step: Step, tfstream: Tfstream) -> Step:
    """The step; where it shows an anomaly that does not exist here, it shows another one.

    The last digits of the scores, and so the alarms, are those of the processor that recorded the page.
    """
    if not _SHOW.match(step.command):
        return step
    listed = json.loads(tfstream.run("anomalies", "list", "--json").stdout)
    ids = [each["id"] for each in listed if each["kind"] == "process"]
    if any(anomaly.startswith(step.command.split()[-1]) for anomaly in ids):
        return step
    return step._replace(command=_SHOW.sub(rf"\g<1>{ids[0][:8]}", step.command))


def replay(step: Step, tfstream: Tfstream, folder: Path) -> str:
    """Run a step's commands on the files of ``folder``; what they print, as a terminal shows it."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        for arguments in step.argument_lists():
            paths = [str(folder / each) if each.endswith(".csv") else each for each in arguments]
            code = tfstream.start(*paths, output=output).wait(_TIMEOUT_S)
            if code != 0:
                output.seek(0)
                raise AssertionError(f"{step.command}: exit code {code}\n{output.read()}")
        output.seek(0)
        return output.read()


def with_outputs(page: str, outputs: dict[str, str]) -> str:
    """The page with new outputs by command; lines that it leaves out stay out, in the same place."""
    for step in steps(page):
        if step.command in outputs:
            new = _shortened(outputs[step.command].strip("\n").split("\n"), step.output)
            page = page.replace(_text(step), _text(Step(step.command, new)), 1)
    return page


def _step(lines: Sequence[str]) -> Step:
    command = lines[0].removeprefix("$ ")
    rest = list(lines[1:])
    while command.count('"') % 2:  # a quoted argument goes on in the next line
        command += f"\n{rest.pop(0)}"
    while rest and not rest[-1]:
        rest.pop()
    return Step(command, tuple(rest))


def _loop_body(command: str) -> list[str]:
    loop = _LOOP.fullmatch(command)
    return [] if loop is None else loop[3].split()


def _text(step: Step) -> str:
    return "\n".join([f"$ {step.command}", *step.output])


def _shortened(lines: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """As many lines as the page had before and after the mark of omitted lines; all without a mark."""
    lines = [line.rstrip() for line in lines]
    if OMITTED not in before:
        return tuple(lines)
    first = before.index(OMITTED)
    last = len(before) - first - 1
    return (*lines[:first], OMITTED, *lines[len(lines) - last :])
