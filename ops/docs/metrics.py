"""``docs/metrics.md``: every metric by name, kind, labels and meaning."""

from __future__ import annotations

from ops.docs.code import METRICS, IdleReason
from ops.docs.tables import code, notice, table, text

_INTRODUCTION = """\
`score`, `record` and `sink` serve these metrics for Prometheus at `/metrics` with `--metrics-port`.
[Operations](operations.md) says how to read them; `ops/prometheus/tfstream.rules.yaml` has alert rules."""

_LABELS = """\
| label | values |
|---|---|
| `process` | `score`, `record` or `sink` |
| `topic` | the topic that the process reads; of a sink `T.anomalies` or `T.scores` |
| `partition` | the partition's number |
| `reason` | {reasons} |

No label grows with the number of assets."""


def page() -> str:
    rows = [(code(each.name), each.kind, ", ".join(each.labels), text(each.meaning)) for each in METRICS]
    labels = _LABELS.format(reasons=", ".join(map(code, IdleReason)))
    parts = (
        notice("tfstream/app"),
        f"# Metrics\n\n{_INTRODUCTION}",
        table(("metric", "kind", "labels", "meaning"), rows),
        f"## Labels\n\n{labels}",
    )
    return "\n\n".join(parts) + "\n"
