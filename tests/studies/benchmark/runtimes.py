"""Part ``runtimes``: the network in other runtimes than torch, and what each runtime needs.

It runs only when it is named, because it downloads some hundred megabytes and compiles for minutes.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS
from tests.studies.markdown import figure, table
from tests.studies.simulated_readings import readings
from tfstream.model import bundle as bundles
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.terms import CHUNK

PINS = ("openvino==2026.4.1", "onnxruntime==1.32.0", "onnx==1.23.2")
_SIZES = {"OpenVINO": "openvino*", "ONNX Runtime": "onnxruntime*"}
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_ROUNDS = 60
_INSTALL_S = 300.0

Run = Callable[[], object]


def measure(bench: Bench) -> dict[str, Any]:
    """Measure each runtime in its own process."""
    folder = bench.settings.work / "runtimes"
    failure = _install(bench, folder)
    works: list[tuple[str, Callable[..., Any]]] = [("eager", eager), ("torch.compile", compiled)]
    works += [] if failure else [("OpenVINO", openvino), ("ONNX Runtime", onnx)]
    lines = []
    for name, work in works:
        bench.log(f"runtimes: {name}")
        lines += alone(work, bundle=bench.bundle, folder=folder)
    sizes = {} if failure else {name: _megabytes(folder, pattern) for name, pattern in _SIZES.items()}
    return {"chunk": CHUNK, "sensors": SENSORS, "lines": lines, "megabytes": sizes, "missing": failure}


def _install(bench: Bench, folder: Path) -> str | None:
    """Install the runtimes; returns None, or the reason when it failed."""
    stamp, pins = folder / "pins", "\n".join(PINS)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == pins:
        return None
    bench.log(f"runtimes: installing {', '.join(PINS)}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *PINS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_S)
    except subprocess.TimeoutExpired:
        return f"no answer in {_INSTALL_S:.0f} s"
    if done.returncode != 0:
        return done.stderr.strip().rpartition("\n")[2]
    stamp.write_text(pins, encoding="utf-8")
    return None


def _megabytes(folder: Path, pattern: str) -> float:
    files = (path for package in folder.glob(pattern) for path in package.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / 1e6


class _Network(torch.nn.Module):
    """The prepared network as a torch module, which the runtimes trace."""

    def __init__(self, network: PreparedNetwork) -> None:
        super().__init__()
        self._network = network

    def forward(self, windows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self._network(windows))


def _prepared(bundle: Path, dtype: torch.dtype) -> tuple[_Network, torch.Tensor]:
    """The network and a chunk of windows."""
    detector = bundles.load(bundle.read_bytes())
    rows, hop = detector.window_rows, detector.hop_rows
    values = readings(rows + hop * (CHUNK - 1), SENSORS, seed=1)
    raw = np.stack([values[at : at + rows] for at in range(0, hop * CHUNK, hop)])
    windows = torch.from_numpy(detector.scaler.transform(raw, ["x"] * CHUNK)).clone()
    return _Network(PreparedNetwork(detector.network, detector.config.band_rows, dtype)), windows


def eager(bundle: Path, folder: Path) -> list[dict[str, Any]]:
    """Without a compiler, as in the product."""
    lines = []
    for name, dtype in _PRECISIONS.items():
        network, windows = _prepared(bundle, dtype)
        with torch.inference_mode(), one_thread():
            lines.append(_line("eager", name, _best(partial(network, windows)), 0.0))
    return lines


def compiled(bundle: Path, folder: Path) -> list[dict[str, Any]]:
    """torch.compile, which needs a C++ compiler on the machine that scores."""
    lines = []
    for name, dtype in _PRECISIONS.items():
        network, windows = _prepared(bundle, dtype)
        began = time.perf_counter()
        with torch.no_grad(), one_thread():
            fast = torch.compile(network, dynamic=False)
            fast(windows)
            ready = time.perf_counter() - began
            lines.append(_line("torch.compile", name, _best(partial(fast, windows)), ready))
    return lines


def openvino(bundle: Path, folder: Path) -> list[dict[str, Any]]:
    """OpenVINO's CPU plugin on one thread."""
    sys.path.append(str(folder))
    ov: Any = importlib.import_module("openvino")
    lines = []
    for name, hint in (("float32", "f32"), ("bfloat16", "bf16")):
        network, windows = _prepared(bundle, torch.float32)
        began = time.perf_counter()
        with torch.no_grad():
            trace: Any = torch.jit.trace
            traced = trace(network, windows, check_trace=False)
        model = ov.convert_model(traced, example_input=windows, input=[ov.PartialShape(list(windows.shape))])
        settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
        inputs = {0: windows.numpy()}
        ready = time.perf_counter() - began
        lines.append(_line("OpenVINO", name, _best(partial(request.infer, inputs)), ready))
    return lines


def onnx(bundle: Path, folder: Path) -> list[dict[str, Any]]:
    """ONNX Runtime's CPU provider on one thread; it has no bfloat16 products."""
    sys.path.append(str(folder))
    runtime: Any = importlib.import_module("onnxruntime")
    network, windows = _prepared(bundle, torch.float32)
    file = folder / "network.onnx"
    began = time.perf_counter()
    torch.onnx.export(network, (windows,), str(file), dynamo=False, opset_version=18)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: windows.numpy()}
    ready = time.perf_counter() - began
    return [_line("ONNX Runtime", "float32", _best(partial(session.run, None, inputs)), ready)]


def _best(run: Run) -> float:
    """Seconds of the fastest of many rounds: slower rounds were disturbed by the machine."""
    seconds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _line(runtime: str, precision: str, seconds: float, ready: float) -> dict[str, Any]:
    return {"runtime": runtime, "precision": precision, "seconds": seconds, "ready_seconds": ready}


def section(figures: Mapping[str, Any]) -> str:
    """Milliseconds of a chunk in each runtime, and what the runtime needs."""
    base = min(line["seconds"] for line in figures["lines"] if line["runtime"] == "eager")
    lines = [
        [
            line["runtime"],
            line["precision"],
            f"{1e3 * line['seconds']:.1f}",
            figure(line["seconds"] / base, 2),
            f"{line['ready_seconds']:.0f}",
            _needs(line["runtime"], figures["megabytes"]),
        ]
        for line in figures["lines"]
    ]
    columns = ["runtime", "products in", "ms", "ratio to the best eager time", "s until ready", "needs"]
    missing = (
        f"\nOpenVINO and ONNX Runtime could not be installed: {figures['missing']}\n"
        if figures["missing"]
        else ""
    )
    return f"## Other runtimes\n\n{_INTRO.format(**figures)}\n{table(columns, lines)}{missing}"


def _needs(runtime: str, megabytes: Mapping[str, float]) -> str:
    if runtime in megabytes:
        return f"{megabytes[runtime]:.0f} MB of packages"
    return "a C++ compiler" if runtime == "torch.compile" else "nothing"


_INTRO = """The network alone, {chunk} windows of {sensors} sensors, one thread, the fastest of 60 runs. This
part runs only when it is named (`python -m tests.studies.benchmark runtimes`), because it downloads some
hundred megabytes and compiles for minutes. A runtime that is not clearly faster does not justify a
dependency or a compiler on the machine that scores; the product therefore uses eager mode.
"""
