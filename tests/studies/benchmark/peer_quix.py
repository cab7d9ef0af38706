"""Quix Streams: decode JSON, a mean over 8 rows of every asset, written to a topic. Run by ``peers.py``.

It runs in a separate environment, which has neither tfstream nor its dependencies.
"""

from __future__ import annotations

import json
import sys

from quixstreams import Application

from tests.studies.benchmark.peer_hop_mean import HopMean


def main() -> None:
    """As in its tutorial, with a commit every second and its default delivery, at least once."""
    arguments = json.loads(sys.argv[1])
    application = Application(
        broker_address=arguments["bootstrap"],
        consumer_group=arguments["group"],
        auto_offset_reset="earliest",
        commit_interval=1.0,
        loglevel="ERROR",
    )
    hop_mean = HopMean(arguments["rows"], arguments["warm"])
    source = application.topic(arguments["topic"], value_deserializer="json")
    sink = application.topic(f"{arguments['topic']}.quix", value_serializer="json")
    application.dataframe(source).apply(hop_mean.add).filter(lambda means: means is not None).to_topic(sink)
    application.run(count=arguments["rows"], timeout=60.0)
    print(json.dumps(hop_mean.timing))


if __name__ == "__main__":
    main()
