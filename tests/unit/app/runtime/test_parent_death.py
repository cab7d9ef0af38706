"""A worker drains when its parent was killed, by the kernel's signal and by its own check; real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_WORKER = """
import sys, time
from tfstream.app.runtime import parent_death
from tfstream.app.runtime.shutdown import until_signalled
if sys.argv[2] == "checks":
    parent_death._request_parent_signal = lambda: False
    parent_death._CHECK_EVERY_S = 0.05
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


def start_parent(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PARENT, _WORKER, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", ["signalled", "checks"])
def test_a_worker_drains_when_its_parent_was_killed(how: str) -> None:
    parent = start_parent(how)
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) != os.getpid()
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    output, _ = parent.communicate(timeout=20)  # the worker holds the pipe, too: this reads until it ends
    assert output == "drained\n"


def test_a_worker_whose_parent_died_before_the_request_drains_too() -> None:
    parent = start_parent("late")
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) != os.getpid()
    parent.kill()
    parent.wait(20)
    output, _ = parent.communicate("continue\n", timeout=20)
    assert output == "ready\ndrained\n"
