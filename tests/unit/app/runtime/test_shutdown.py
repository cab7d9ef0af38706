"""A drain that does not end in time ends the process: tested with child processes."""

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
        ctypes.PyDLL(None).sleep(120)  # as a library that hangs while holding the GIL
print("done", flush=True)
"""


def start_process(how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_that_ends_in_time_exits_with_0(number: signal.Signals) -> None:
    process = start_process("free")
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert (output, process.returncode) == ("done\n", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_that_does_not_end_exits_with_4(number: signal.Signals) -> None:
    process = start_process("stuck")
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert (output, process.returncode) == ("", 4)
    assert "the work in progress could not be finished in 0.5 s" in errors
    assert "Traceback" not in errors


def test_a_library_that_holds_the_gil_is_ended_with_1() -> None:
    process = start_process("locked")
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert (output, process.returncode) == ("", 1)
    assert "Timeout (0:00:02.500000)!" in errors
    assert "most recent call first" in errors


def test_a_burst_of_signals_counts_once_and_a_later_signal_ends_at_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux sends a killed parent's signal to its worker several times; the worker must still drain."""
    caplog.set_level(logging.INFO, logger="tfstream")
    with shutdown.until_signalled() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        monkeypatch.setattr(shutdown, "_SAME_SIGNAL_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert caplog.text.count("stopping: finishing the work in progress") == 1
