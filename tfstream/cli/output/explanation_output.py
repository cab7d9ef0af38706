"""An explanation as text for people."""

from __future__ import annotations

import msgspec

from tfstream.app.history.explanation import Explanation, RescoreSummary
from tfstream.app.runtime.human_units import band_text, counted, rate_text, witness_label, witness_text
from tfstream.cli.output.printing import out, print_table
from tfstream.core.messages.witness import Witness


def print_explanation(explanation: Explanation) -> None:
    """Print the findings, how the score arises, the sensors to blame and the hops around, on stdout."""
    head = f"{explanation.topic}, {explanation.asset}, from {explanation.since} to {explanation.until}"
    out.print(f"{head}: {_score(explanation)}", soft_wrap=True)
    _print_witness(explanation)
    for finding in explanation.findings:
        out.print(f"- {finding}", soft_wrap=True)
    if explanation.verdict is not None:
        out.print(f"- verdict: {explanation.verdict}")
    _print_level(explanation)
    _print_sensors(explanation)
    if explanation.masked:
        out.print(f"not part of the score: {', '.join(explanation.masked)}", soft_wrap=True)
    _print_hops(explanation)
    out.print()
    out.print(_rescored(explanation.replay), soft_wrap=True)


def _score(explanation: Explanation) -> str:
    if explanation.score is None:
        return "no score"
    text = (
        f"score {explanation.score:g} against a threshold of {explanation.threshold:g} "
        f"(budget {explanation.budget_per_week:.3g} a week)"
    )
    if explanation.exact:
        return f"{text}, equal to the stored score"
    if explanation.exact is False and explanation.told is not None:
        stored = explanation.told
        return f"{text}; the stored score is {stored.score:g} against {stored.threshold:g}"
    return text


def _print_witness(explanation: Explanation) -> None:
    """Print whose value the score is, and how often normal data reach it."""
    if explanation.witness is None:
        return
    witness = witness_text(explanation.witness, explanation.scale_s)
    assert explanation.expected_per_week is not None
    often = f"normal data reach this score {rate_text(explanation.expected_per_week)}"
    out.print(f"witness: {witness}; {often}", soft_wrap=True)


def _print_level(explanation: Explanation) -> None:
    level = explanation.level
    if level is None or explanation.score is None:
        return
    out.print()
    own = "" if explanation.witness is Witness.SCORE else "the witness 'score' for comparison: "
    out.print(
        f"{own}raw score {level.raw:.4g}, usually {level.usual:.4g} with a spread of {level.spread:.4g}: "
        f"({level.raw:.4g} - {level.usual:.4g}) / {level.spread:.4g} = {level.value:.4g}; "
        f"a raw score of {level.alarm:.4g} raises an alarm",
        soft_wrap=True,
    )
    rows = [(term.term, term.looks_at, term.value, term.usual, term.adds) for term in explanation.terms]
    print_table(("term", "looks at", "value", "usual", "adds"), rows, empty="")


def _print_sensors(explanation: Explanation) -> None:
    if not explanation.sensors:
        return
    out.print()
    if sum(sensor.evidence for sensor in explanation.sensors) < 1:
        out.print(
            "no sensor stands out: all sensors together deviate by less than one deviation from the expected "
            "values",
            soft_wrap=True,
        )
        return
    rows = [
        (
            sensor.name,
            f"{sensor.share:.0%}",
            sensor.evidence,
            sensor.actual,
            sensor.expected,
            _band(sensor.band),
        )
        for sensor in explanation.sensors
    ]
    columns = ("sensor", "share", "evidence", "actual", "expected", "what changed")
    print_table(columns, rows, empty="")


def _band(band: object) -> str:
    return band_text(None if band is None else msgspec.to_builtins(band))


def _print_hops(explanation: Explanation) -> None:
    if not explanation.hops:
        return
    out.print()
    rows = [
        (
            ">" if hop.until == explanation.until else "",
            hop.until,
            witness_label(hop.witness),
            hop.score,
            hop.threshold,
            None if hop.expected_per_week is None else rate_text(hop.expected_per_week),
            hop.verdict,
        )
        for hop in explanation.hops
    ]
    columns = ("", "hop until", "witness", "score", "threshold", "how rare", "verdict")
    print_table(columns, rows, empty="")


def _rescored(summary: RescoreSummary) -> str:
    """What was computed again, and how far the result agrees with the stored scores."""
    text = (
        f"computed again with model version {summary.model_version} from "
        f"{counted(summary.readings, 'reading')} since {summary.since}"
    )
    if summary.since_takeover:
        text += ", the first score of this version"
    if not summary.stored_scores:
        return f"{text}; no stored score to compare with"
    text += f": {summary.same_scores} of {summary.stored_scores} stored scores are the same, digit by digit"
    if summary.first_difference is None:
        return text
    return (
        f"{text}; the others, from {summary.first_difference} on, differ by at most "
        f"{summary.largest_difference:.3g}"
    )
