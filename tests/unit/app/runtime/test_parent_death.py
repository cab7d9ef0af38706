"""A worker whose parent was killed ends, whichever way it learns of it: with real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_WORKER = """
import sys, time
from tfstream.app.runtime import parent_death
from tfstream.app.runtime.shutdown import until_signalled
if sys.argv[2] == "looks":
    parent_death._asked_the_kernel = lambda: False
    parent_death._LOOK_EVERY_S = 0.05
with until_signalled(20.0) as stop:
    if sys.argv[2] == "late":
        sys.stdin.readline()
    parent_death.end_with_parent(int(sys.argv[1]))
    print("ready", flush=True)
    while not stop():
        time.sleep(0.01)
print("drained", flush=True)
"""
_PARENT = """
import os, subprocess, sys, time
worker = [sys.executable, "-c", sys.argv[1], str(os.getpid()), sys.argv[2]]
print(subprocess.Popen(worker, start_new_session=True).pid, flush=True)
time.sleep(60)
"""


def started(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PARENT, _WORKER, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", ["told", "looks"])
def test_a_worker_drains_when_its_parent_was_killed(how: str) -> None:
    parent = started(how)
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) != os.getpid()
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    said, _ = parent.communicate(timeout=20)  # the pipe is the worker's, too: read until it has ended
    assert said == "drained\n"


def test_a_worker_whose_parent_died_before_it_asked_drains_as_well() -> None:
    parent = started("late")
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) != os.getpid()
    parent.kill()
    parent.wait(20)
    said, _ = parent.communicate("go on\n", timeout=20)
    assert said == "ready\ndrained\n"
