"""One refit of a stream: read, align, fit, calibrate, store, promote."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tfstream.app import normal
from tfstream.app.ruling import gate_verdict, rule_on
from tfstream.core.held_out import hold_out
from tfstream.core.left_out import LeftOut
from tfstream.core.promotion import as_metrics
from tfstream.core.reading import Series
from tfstream.errors import BadData, TfstreamError
from tfstream.model.config import DetectorConfig
from tfstream.storage import exclusions, models, scores, training_lock, training_runs
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.storage.training_lock import TrainingLock

Report = Callable[[str, float], None]


class Interrupted(TfstreamError):
    """The refit was told to end before it had."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOptions:
    """The span of event time to learn from, ends included; None is open."""

    since_us: int | None = None
    until_us: int | None = None
    seed: int = 0
    promote: bool = True
    gate: bool = True  # hold the newest rows out, and judge the model on them before it is promoted


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """What a refit gave; ``metrics`` is the detector's own description, and the gate's table as ``gate``.

    ``extrapolated``: the alarm budget is finer than the normal data behind the threshold. ``left_out``: the
    share of the readings that was not learnt from, by cause; ``notes`` say what to know of single assets.
    """

    version: int
    promoted: bool
    outcome: training_runs.Outcome
    reason: str | None
    rows: int
    assets: int
    bundle_bytes: int
    extrapolated: bool
    left_out: dict[str, float]
    notes: list[str]
    metrics: dict[str, object]


def train(
    database: Database, stream: StreamRecord, options: TrainingOptions, report: Report
) -> TrainingResult:
    """Fit a detector to the stored readings of a span, and make it the champion if the gate lets it through.

    The run is told in ``training_run`` whether it succeeds or not; the champion changes only at the very end,
    in the transaction that stores the new model. Nobody else refits the stream meanwhile.

    :raises Busy: when another process is refitting the stream.
    :raises BadData: when there is too little to learn from.
    """
    with training_lock.exclusive(database, stream.id, stream.definition.topic) as lock:
        with database.begin() as connection:
            training_runs.give_up_unfinished(connection, stream.id)
            exclusions.extend_spans(connection, int(time.time() * 1e6), stream.id)
            scores.count_days(connection, stream.id)
            run = training_runs.start(
                connection, stream.id, trained_from_us=options.since_us, trained_until_us=options.until_us
            )
        try:
            return _train(database, stream, options, report, run, lock)
        except BaseException as error:
            _note_failure(database, run, error)
            raise


def _note_failure(database: Database, run: int, error: BaseException) -> None:
    """A Ctrl-C, too, is no failure of the refit: it is tried again."""
    stopped = isinstance(error, Interrupted | KeyboardInterrupt | SystemExit)
    with database.begin() as connection:
        training_runs.finish(
            connection,
            run,
            outcome="interrupted" if stopped else "failed",
            reason=str(error) or type(error).__name__,
        )


def _train(
    database: Database,
    stream: StreamRecord,
    options: TrainingOptions,
    report: Report,
    run: int,
    lock: TrainingLock,
) -> TrainingResult:
    from tfstream.model import bundle  # torch takes two seconds to import: most commands do without
    from tfstream.model.fitting import fit

    definition = stream.definition
    with database.begin() as connection:
        series, left_out = normal.read(connection, stream, options.since_us, options.until_us, report)
    if not left_out.cells:
        raise BadData(
            f"stream {definition.topic} has no readings in the span to learn from; "
            f"fill it with `tfstream record` or `tfstream load`"
        )
    held = hold_out(series, definition.interval_us) if options.gate else None
    learn = held.learn if held else series
    began = time.monotonic()
    try:
        detector = fit(
            learn, definition.sensors, definition.interval_us, DetectorConfig(), options.seed, report
        )
    except BadData as error:
        raise BadData(f"{error}{_because(left_out)}") from None
    stored = bundle.dump(detector)
    shares = {cause: round(share, 4) for cause, share in left_out.shares.items()}
    seconds = round(time.monotonic() - began, 2)
    verdict = gate_verdict(database, stream, held, detector, options.seed, report) if options.gate else None
    gate = {} if verdict is None else {"gate": as_metrics(verdict)}
    ruling = rule_on(database, stream, stored, verdict, promote=options.promote)
    refit = _Refit(
        learn=learn,
        bundle=stored,
        metrics={**detector.describe(), "left_out": shares, "seconds": seconds, **gate},
        outcome=ruling.outcome,
        reason=ruling.reason,
    )
    report("store", 0.0)
    lock.require()
    version = _store(database, stream, options, run, refit)
    report("store", 1.0)
    return TrainingResult(
        version=version,
        promoted=refit.outcome == "promoted",
        outcome=refit.outcome,
        reason=refit.reason,
        rows=_rows(learn),
        assets=len({one.asset for one in learn}),
        bundle_bytes=len(stored),
        extrapolated=detector.calibration.extrapolated(definition.alarm_budget_per_week),
        left_out=shares,
        notes=left_out.notes,
        metrics=refit.metrics,
    )


class _Refit(NamedTuple):
    """What is to be stored: the series that were learnt from, what came of them, and what becomes of it."""

    learn: Sequence[Series]
    bundle: bytes
    metrics: dict[str, object]
    outcome: training_runs.Outcome
    reason: str | None


def _because(left_out: LeftOut) -> str:
    """What keeps most of the readings from being learnt, for a refusal."""
    causes = [f"{cause} {share:.0%}" for cause, share in left_out.shares.items() if share >= 0.005]
    return f"; left out of what there is: {', '.join(causes[:3])}" if causes else ""


def _store(
    database: Database, stream: StreamRecord, options: TrainingOptions, run: int, refit: _Refit
) -> int:
    """Model, champion and the end of the run in one transaction; returns the model's version."""
    first = min(int(one.times_us[0]) for one in refit.learn)
    last = max(int(one.times_us[-1]) for one in refit.learn)
    with database.begin() as connection:
        version = models.save(
            connection,
            stream.id,
            refit.bundle,
            metrics=refit.metrics,
            trained_from_us=first,
            trained_until_us=last,
            rows=_rows(refit.learn),
            seed=options.seed,
        )
        if refit.outcome == "promoted":
            models.promote(connection, stream.id, version)
        elif refit.outcome == "rejected":
            models.reject(connection, stream.id, version, refit.reason or "")
        training_runs.finish(
            connection,
            run,
            outcome=refit.outcome,
            reason=refit.reason,
            model_version=version,
            rows=_rows(refit.learn),
            trained_from_us=first,
            trained_until_us=last,
            metrics=refit.metrics,
        )
    return version


def _rows(series: Sequence[Series]) -> int:
    return sum(len(one.times_us) for one in series)
