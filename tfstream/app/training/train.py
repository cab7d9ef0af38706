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
from tfstream.core.learning.normal_rows import ExclusionCause
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
    """A signal ended the process during a refit; the next start of the trainer tries the refit once more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """The stored model and its outcome; ``metrics`` describes the detector, and has the gate's table.

    ``extrapolated``: the alarm budget is smaller than the normal data behind the threshold can show.
    ``left_out``: the share of the readings that was not learnt from, by cause. ``notes``: remarks about
    spans that stand out, single assets, memory, and faults that the model does not find.
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
    """Fit a detector to the stored readings of a span, and make it the champion if it passes the gate.

    Table ``training_run`` records the run, whether it succeeds or not. The champion changes only at the very
    end, in the transaction that stores the new model. A lock keeps every other process from refitting the
    stream meanwhile.

    :raises RefitInProgress: when another process is refitting the stream.
    :raises BadData: when there is too little to learn from.
    """
    with training_lock.hold_training_lock(database, stream.id, stream.definition.topic) as lock:
        with database.begin() as connection:
            training_runs.close_interrupted(connection, stream.id)
            run = training_runs.start(
                connection, stream.id, trained_from_us=options.since_us, trained_until_us=options.until_us
            )
        try:
            _update_derived_rows(database, stream.id)
            return _train(database, stream, options, report, run, lock)
        except BaseException as error:
            _record_failure(database, run, error)
            raise


def _update_derived_rows(database: Database, stream_id: int) -> None:
    """Extend the occurrences of recurring exclusions, and count the scores of days that have ended."""
    with database.begin() as connection:
        exclusions.extend_spans(connection, int(time.time() * 1e6), stream_id)
        scores.count_days(connection, stream_id)


def _record_failure(database: Database, run: int, error: BaseException) -> None:
    """Record why the run ended; a Ctrl-C is no failure of the refit, which is tried again."""
    stopped = isinstance(error, RefitInterrupted | KeyboardInterrupt | SystemExit)
    with database.begin() as connection:
        training_runs.finish(
            connection,
            run,
            outcome="interrupted" if stopped else "failed",
            reason=str(error) or ("ended by a signal" if stopped else type(error).__name__),
        )


class _NewModel(NamedTuple):
    """A model to be stored: its fit, its bytes, its metrics, and the shares of readings left out."""

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
        series, left_out, judged = training_data.read(connection, stream, options, report)
        champion = models.champion_unchecked(connection, stream.id)
    if not left_out.cells:
        raise BadData(
            f"stream {stream.definition.topic} has no readings in the span to learn from; "
            f"fill it with `tfstream record` or `tfstream load`"
        )
    model = _fit(Refit(stream.definition, options, report, judged), series, left_out, champion, options)
    tested_against = None if champion is None else champion.version
    report("store", 0.0)
    lock.require()
    with database.begin() as connection:
        outcome = decide(
            connection,
            stream.id,
            model.bundle,
            model.fitted.decision,
            tested_against=tested_against,
            promote=options.promote,
        )
        version = _store(connection, stream, run, options.seed, model, outcome)
    report("store", 1.0)
    return _result(stream, model, outcome, version, left_out.notes)


def _fit(
    refit: Refit,
    series: Sequence[Series],
    left_out: ExcludedCells,
    champion: ModelRow | None,
    options: TrainingOptions,
) -> _NewModel:
    """Fit the model that is to be stored.

    :raises BadData: when there is too little to learn from; the message names what was left out.
    """
    from tfstream.model import bundle  # torch takes two seconds to import: most commands do without

    started = time.monotonic()
    try:
        fitted = refit.fit_and_test(series, champion) if options.gate else refit.fit_without_test(series)
    except BadData as error:
        raise BadData(f"{error}{_main_causes(left_out)}") from None
    stored = bundle.dump(fitted.detector)
    selection = fitted.selection
    left_out.by_cause[ExclusionCause.STANDS_OUT] += selection.cells
    left_out.notes += selection.notes
    shares = {cause: round(share, 4) for cause, share in left_out.shares.items()}
    metrics = {
        **fitted.detector.describe(),
        "left_out": shares,
        "stood_out": [span.as_metrics() for span in selection.spans],
        "seconds": round(time.monotonic() - started, 2),
        **({} if fitted.decision is None else as_metrics(fitted.decision)),
    }
    return _NewModel(fitted, stored, metrics, shares)


def _result(
    stream: StreamRecord, model: _NewModel, outcome: RefitOutcome, version: int, notes: list[str]
) -> TrainingResult:
    fitted = model.fitted
    warnings = () if fitted.decision is None else fitted.decision.warnings
    return TrainingResult(
        version=version,
        promoted=outcome.outcome == "promoted",
        outcome=outcome.outcome,
        reason=outcome.reason,
        rows=fitted.rows,
        assets=len({piece.asset for piece in fitted.series}),
        bundle_bytes=len(model.bundle),
        extrapolated=fitted.detector.calibration.extrapolated(stream.definition.alarm_budget_per_week),
        left_out=model.left_out,
        notes=[*notes, *warnings],
        metrics=model.metrics,
    )


def _main_causes(left_out: ExcludedCells) -> str:
    """The three causes that leave out most readings, for an error message."""
    causes = [f"{cause} {share:.0%}" for cause, share in left_out.shares.items() if share >= 0.005]
    return f"; left out of the stored readings: {', '.join(causes[:3])}" if causes else ""


def _store(
    connection: Connection,
    stream: StreamRecord,
    run: int,
    seed: int,
    model: _NewModel,
    outcome: RefitOutcome,
) -> int:
    """Store the model, its outcome and the end of the run; returns the version of the model."""
    series, rows = model.fitted.series, model.fitted.rows
    first_us = min(int(piece.times_us[0]) for piece in series)
    last_us = max(int(piece.times_us[-1]) for piece in series)
    version = models.save(
        connection,
        stream.id,
        model.bundle,
        metrics=model.metrics,
        trained_from_us=first_us,
        trained_until_us=last_us,
        rows=rows,
        seed=seed,
    )
    if outcome.outcome == "promoted":
        models.promote(connection, stream.id, version)
    elif outcome.outcome == "rejected":
        models.reject(connection, stream.id, version, outcome.reason or "")
    training_runs.finish(
        connection,
        run,
        outcome=outcome.outcome,
        reason=outcome.reason,
        model_version=version,
        rows=rows,
        trained_from_us=first_us,
        trained_until_us=last_us,
        metrics=model.metrics,
    )
    return version
