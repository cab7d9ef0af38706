"""``tfstream anomalies explain``: why there was an alarm, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tfstream import config
from tfstream.app.history.explanation import Explanation, RescoreSummary
from tfstream.app.runtime.human_units import band_text
from tfstream.cli.options import AnyTopic, Json
from tfstream.cli.output import Report, duration_us, out, print_json, print_table, say, stages
from tfstream.cli.parse import when_us
from tfstream.errors import BadData, UsageError
from tfstream.storage import anomalies
from tfstream.wiring import find_stream, open_database


def explain(
    anomaly: Annotated[
        str | None, typer.Argument(help="Its id, or the beginning of it.", show_default=False)
    ] = None,
    topic: AnyTopic = None,
    asset: Annotated[str | None, typer.Option(help="Without an id: this asset …")] = None,
    at: Annotated[str | None, typer.Option(help="… at this moment (UTC): 2026-01-05T14:05, 2h.")] = None,
    replay: Annotated[str, typer.Option(help="Begin at most so long before.")] = "14d",
    plot: Annotated[Path | None, typer.Option(help="Draw it into this HTML file.")] = None,
    as_json: Json = False,
) -> None:
    """Compute an alarm again from the stored readings, or say what was missing to one."""
    moment = None if asset is None or at is None else (asset, when_us(at, "UTC"))
    if (anomaly is None) == (moment is None) or (anomaly and (asset or at)):
        raise UsageError("give either the id of an anomaly, or --topic, --asset and --at")
    if moment and topic is None:
        raise UsageError("--asset and --at need --topic")
    with stages("explain") as report:
        explanation = _explain(anomaly, topic, moment, duration_us(replay), plot, report)
    if as_json:
        print_json(explanation)
        return
    _print(explanation)
    if plot is not None:
        say(f"drawn into {plot}")


def _explain(
    anomaly: str | None,
    topic: str | None,
    moment: tuple[str, int] | None,
    most_us: int,
    plot: Path | None,
    report: Report,
) -> Explanation:
    from tfstream.app.history import explain as history
    from tfstream.app.history import explanation_page  # torch takes two seconds: most commands do without

    database = open_database(config.load())
    options = history.ExplainOptions(max_replay_us=most_us, progress=lambda done: report("replay", done))
    if moment is None:
        with database.begin() as connection:
            row = anomalies.get(connection, anomaly or "")
        found = history.explain_alarm(database, row, options)
    else:
        stream = find_stream(database, topic or "")
        found = history.explain_moment(database, stream, *moment, options)
    if plot is not None:
        _write(plot, explanation_page.render(found))
    return found.explanation


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}") from None


def _print(explanation: Explanation) -> None:
    head = f"{explanation.topic}, {explanation.asset}, from {explanation.since} to {explanation.until}"
    out.print(f"{head}: {_score(explanation)}", soft_wrap=True)
    for finding in explanation.findings:
        out.print(f"- {finding}", soft_wrap=True)
    if explanation.verdict is not None:
        out.print(f"- verdict: {explanation.verdict}")
    _print_level(explanation)
    _print_sensors(explanation)
    if explanation.masked:
        out.print(f"without a part in the score: {', '.join(explanation.masked)}", soft_wrap=True)
    _print_hops(explanation)
    out.print()
    out.print(_replay(explanation.replay), soft_wrap=True)


def _score(explanation: Explanation) -> str:
    if explanation.score is None:
        return "no score"
    told = {None: "", True: ", as it was told", False: ""}[explanation.exact]
    if explanation.exact is False and explanation.told is not None:
        told = f", told as {explanation.told.score:g} against {explanation.told.threshold:g}"
    return (
        f"score {explanation.score:g} against a threshold of {explanation.threshold:g} "
        f"(budget {explanation.budget_per_week:.3g} a week){told}"
    )


def _print_level(explanation: Explanation) -> None:
    level = explanation.level
    if level is None or explanation.score is None:
        return
    out.print()
    out.print(
        f"raw score {level.raw:.4g}, usually {level.usual:.4g} with a spread of {level.spread:.4g}: "
        f"({level.raw:.4g} - {level.usual:.4g}) / {level.spread:.4g} = {explanation.score:.4g}; "
        f"an alarm from {level.alarm:.4g} on",
        soft_wrap=True,
    )
    rows = [(one.term, one.looks_at, one.value, one.usual, one.adds) for one in explanation.terms]
    print_table(("term", "looks at", "value", "usual", "adds"), rows, empty="")


def _print_sensors(explanation: Explanation) -> None:
    if not explanation.sensors:
        return
    out.print()
    if sum(one.evidence for one in explanation.sensors) < 1:
        out.print("no sensor stands out: together they are less than one deviation from what was expected")
        return
    rows = [
        (one.name, f"{one.share:.0%}", one.evidence, one.actual, one.expected, _band(one.band))
        for one in explanation.sensors
    ]
    columns = ("sensor", "share", "evidence", "actual", "expected", "what changed")
    print_table(columns, rows, empty="no sensor is to blame")


def _band(band: object) -> str:
    return band_text(None if band is None else msgspec.to_builtins(band))


def _print_hops(explanation: Explanation) -> None:
    if not explanation.hops:
        return
    out.print()
    rows = [
        (">" if hop.until == explanation.until else "", hop.until, hop.score, hop.threshold, hop.verdict)
        for hop in explanation.hops
    ]
    print_table(("", "hop until", "score", "threshold", "verdict"), rows, empty="")


def _replay(replay: RescoreSummary) -> str:
    words = (
        f"computed again with model version {replay.model_version} from {replay.readings} readings since "
        f"{replay.since}"
    )
    if replay.since_takeover:
        words += ", from its first score on"
    if not replay.stored_scores:
        return f"{words}; no score is stored to compare with"
    words += f": {replay.same_scores} of {replay.stored_scores} stored scores are the same, digit by digit"
    if replay.first_difference is None:
        return words
    return (
        f"{words}; the others, from {replay.first_difference} on, by {replay.largest_difference:.3g} at most"
    )
