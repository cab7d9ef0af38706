"""A drain that cannot end is ended: in a process of its own, since that is what ends."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys

import pytest

from tfstream.app.runtime import shutdown

_WORK = """
import ctypes, sys, time
from tfstream import telemetry
from tfstream.app.runtime import shutdown
telemetry.configure()
with shutdown.until_signalled(0.5) as stop:
    print("ready", flush=True)
    while not stop() or sys.argv[1] == "stuck":
        time.sleep(0.01)
    if sys.argv[1] == "locked":
        ctypes.PyDLL(None).sleep(120)  # as a library that hangs and lets no other thread of Python run
print("done", flush=True)
"""


def started(how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_ends_in_time_ends_well(number: signal.Signals) -> None:
    process = started("free")
    process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    assert (said, process.returncode) == ("done\n", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_does_not_is_ended(number: signal.Signals) -> None:
    process = started("stuck")
    process.send_signal(number)
    said, told = process.communicate(timeout=20)
    assert (said, process.returncode) == ("", 4)
    assert "could not be finished in 0.5 s" in told
    assert "Traceback" not in told


def test_what_lets_no_python_run_is_ended_all_the_same() -> None:
    process = started("locked")
    process.send_signal(signal.SIGTERM)
    said, told = process.communicate(timeout=20)
    assert (said, process.returncode) == ("", 1)
    assert "Timeout (0:00:02.500000)!" in told
    assert "most recent call first" in told


def test_a_burst_of_signals_is_one_and_a_later_one_ends_at_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux tells a worker of a killed parent several times, and it is to drain all the same."""
    caplog.set_level(logging.INFO, logger="tfstream")
    with shutdown.until_signalled() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        monkeypatch.setattr(shutdown, "_SAME_SIGNAL_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert caplog.text.count("stopping: finishing the work in progress") == 1
