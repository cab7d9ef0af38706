"""Which changes of an output the comparison with the walkthrough sees, and how the page is recorded."""

from __future__ import annotations

from tests.integration.support import walkthrough
from tests.integration.support.output_shape import shape_of

LISTED = (
    "id        asset   score  sensors",
    "840d133a  pump-1  17.61  flow 100%",
    "c329fdcf  pump-2  6.825  flow 100%",
    "note: 2 of 2 thresholds are extrapolated: train on a longer span",
)
BLOCK = """Text.

```
$ tfstream anomalies show 84
id        840d133a
…
reason    -

$ psql -c "SELECT 1
    FROM anomaly"
 1
```
"""
LOOP = "for run in 0 1; do tfstream load run_$run.csv --topic t; done"


def test_other_figures_and_other_rows_are_the_same_shape() -> None:
    other = (*LISTED[:1], "9e2fff75  pump-9  7.5    temperature 60%", LISTED[-1].replace("2", "1"))
    assert shape_of(other) == shape_of(LISTED)
    log = ("00:33:47 INFO    tfstream.kafka: t: assigned partitions [0]", "ok  kafka  1 broker")
    assert shape_of(log).lines == {"check of kafka"}


def test_another_column_field_or_sentence_is_another_shape() -> None:
    column = (LISTED[0].replace("score", "how rare"), *LISTED[1:])
    assert shape_of(column).headers != shape_of(LISTED).headers
    sentence = (*LISTED[:-1], "note: the budget is finer than the data")
    assert shape_of(sentence).lines != shape_of(LISTED).lines
    assert shape_of(["kind      process"]) != shape_of(["witness   process"])


def test_the_page_keeps_its_text_and_the_omitted_lines_when_it_is_recorded() -> None:
    show, query = walkthrough.steps(BLOCK)
    assert (show.is_of_tfstream, query.is_of_tfstream) == (True, False)
    assert query.output == (" 1",)
    printed = "id        c329fdcf\nasset     pump-1\nkind      process\nreason    stuck\n"
    recorded = walkthrough.with_outputs(BLOCK, {show.command: printed})
    assert recorded == BLOCK.replace("840d133a", "c329fdcf").replace("reason    -", "reason    stuck")


def test_a_loop_runs_its_command_for_each_value() -> None:
    step = walkthrough.Step(LOOP, ())
    assert step.is_of_tfstream
    assert list(step.argument_lists()) == [["load", f"run_{run}.csv", "--topic", "t"] for run in (0, 1)]
