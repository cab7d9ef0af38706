"""One refit of a stream: read, align, fit, calibrate, store, promote."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tfstream.app.training import training_data
from tfstream.app.training.refit import Fitted, Refit
from tfstream.app.training.refit_outcome import RefitOutcome, decide
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.exclude import ExcludedCells
from tfstream.core.learning.promotion_rule import as_metrics
from tfstream.core.reading import Series
from tfstream.errors import BadData, TfstreamError
from tfstream.storage import exclusions, models, scores, training_lock, training_runs
from tfstream.storage.database import Connection, Database
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord
from tfstream.storage.training_lock import TrainingLock

Report = Callable[[str, float], None]


class RefitInterrupted(TfstreamError):
    """The refit was told to end before it had."""


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
    with training_lock.hold_training_lock(database, stream.id, stream.definition.topic) as lock:
        with database.begin() as connection:
            training_runs.close_interrupted(connection, stream.id)
            run = training_runs.start(
                connection, stream.id, trained_from_us=options.since_us, trained_until_us=options.until_us
            )
        try:
            _catch_up(database, stream.id)
            return _train(database, stream, options, report, run, lock)
        except BaseException as error:
            _note_failure(database, run, error)
            raise


def _catch_up(database: Database, stream_id: int) -> None:
    """What is written ahead of time, or counted behind it."""
    with database.begin() as connection:
        exclusions.extend_spans(connection, int(time.time() * 1e6), stream_id)
        scores.count_days(connection, stream_id)


def _note_failure(database: Database, run: int, error: BaseException) -> None:
    """A Ctrl-C, too, is no failure of the refit: it is tried again."""
    stopped = isinstance(error, RefitInterrupted | KeyboardInterrupt | SystemExit)
    with database.begin() as connection:
        training_runs.finish(
            connection,
            run,
            outcome="interrupted" if stopped else "failed",
            reason=str(error) or type(error).__name__,
        )


class _Made(NamedTuple):
    """A model that is to be stored: its fit, its bytes, what there is to know of it, the shares left out."""

    fitted: Fitted
    bundle: bytes
    metrics: dict[str, object]
    left_out: dict[str, float]


def _train(
    database: Database,
    stream: StreamRecord,
    options: TrainingOptions,
    report: Report,
    run: int,
    lock: TrainingLock,
) -> TrainingResult:
    with database.begin() as connection:
        series, left_out = training_data.read(connection, stream, options, report)
        champion = models.champion_unchecked(connection, stream.id)
    if not left_out.cells:
        raise BadData(
            f"stream {stream.definition.topic} has no readings in the span to learn from; "
            f"fill it with `tfstream record` or `tfstream load`"
        )
    made = _make(Refit(stream.definition, options, report), series, left_out, champion, options)
    report("store", 0.0)
    lock.require()
    with database.begin() as connection:
        ruling = decide(
            connection,
            stream.id,
            made.bundle,
            made.fitted.verdict,
            beside=None if champion is None else champion.version,
            promote=options.promote,
        )
        version = _store(connection, stream, run, options.seed, made, ruling)
    report("store", 1.0)
    return _result(stream, made, ruling, version, left_out.notes)


def _make(
    refit: Refit,
    series: Sequence[Series],
    left_out: ExcludedCells,
    champion: ModelRow | None,
    options: TrainingOptions,
) -> _Made:
    """:raises BadData: when there is too little to learn from; it names what was left out."""
    from tfstream.model import bundle  # torch takes two seconds to import: most commands do without

    began = time.monotonic()
    try:
        fitted = refit.judged(series, champion) if options.gate else refit.unjudged(series)
    except BadData as error:
        raise BadData(f"{error}{_because(left_out)}") from None
    stored = bundle.dump(fitted.detector)
    shares = {cause: round(share, 4) for cause, share in left_out.shares.items()}
    metrics = {
        **fitted.detector.describe(),
        "left_out": shares,
        "seconds": round(time.monotonic() - began, 2),
        **({} if fitted.verdict is None else {"gate": as_metrics(fitted.verdict)}),
    }
    return _Made(fitted, stored, metrics, shares)


def _result(
    stream: StreamRecord, made: _Made, ruling: RefitOutcome, version: int, notes: list[str]
) -> TrainingResult:
    fitted = made.fitted
    return TrainingResult(
        version=version,
        promoted=ruling.outcome == "promoted",
        outcome=ruling.outcome,
        reason=ruling.reason,
        rows=fitted.rows,
        assets=len({one.asset for one in fitted.series}),
        bundle_bytes=len(made.bundle),
        extrapolated=fitted.detector.calibration.extrapolated(stream.definition.alarm_budget_per_week),
        left_out=made.left_out,
        notes=notes,
        metrics=made.metrics,
    )


def _because(left_out: ExcludedCells) -> str:
    """What keeps most of the readings from being learnt, for a refusal."""
    causes = [f"{cause} {share:.0%}" for cause, share in left_out.shares.items() if share >= 0.005]
    return f"; left out of what there is: {', '.join(causes[:3])}" if causes else ""


def _store(
    connection: Connection,
    stream: StreamRecord,
    run: int,
    seed: int,
    made: _Made,
    ruling: RefitOutcome,
) -> int:
    """Model, champion and the end of the run; returns the model's version."""
    series, rows = made.fitted.series, made.fitted.rows
    first = min(int(one.times_us[0]) for one in series)
    last = max(int(one.times_us[-1]) for one in series)
    version = models.save(
        connection,
        stream.id,
        made.bundle,
        metrics=made.metrics,
        trained_from_us=first,
        trained_until_us=last,
        rows=rows,
        seed=seed,
    )
    if ruling.outcome == "promoted":
        models.promote(connection, stream.id, version)
    elif ruling.outcome == "rejected":
        models.reject(connection, stream.id, version, ruling.reason or "")
    training_runs.finish(
        connection,
        run,
        outcome=ruling.outcome,
        reason=ruling.reason,
        model_version=version,
        rows=rows,
        trained_from_us=first,
        trained_until_us=last,
        metrics=made.metrics,
    )
    return version
