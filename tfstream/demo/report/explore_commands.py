"""Shell commands to explore the results of a demo."""

from __future__ import annotations

from tfstream.demo.run import DemoResult
from tfstream.demo.services import Services
from tfstream.streaming.topics import anomalies_topic


def explore_commands(services: Services, result: DemoResult) -> tuple[tuple[str, str], ...]:
    """Return (purpose, command), with the addresses of these services."""
    topic = result.stream.definition.topic
    url = services.settings.require_database()
    bootstrap = services.settings.require_kafka()["bootstrap.servers"]
    history = (
        "SELECT asset, kind, started_at, duration, score, top_sensor FROM anomaly_history "
        f"WHERE topic = '{topic}' ORDER BY started_at"
    )
    return (
        (
            "Use tfstream in another terminal",
            f"export TFSTREAM_DATABASE_URL='{url}' TFSTREAM_KAFKA_BOOTSTRAP_SERVERS='{bootstrap}'",
        ),
        ("List all anomalies with SQL", f'psql "{url}" -c "{history}"'),
        ("Show the health of every asset", f'psql "{url}" -c "SELECT * FROM asset_health"'),
        (
            "Read the anomaly events from Kafka",
            f"kcat -b {bootstrap} -C -t {anomalies_topic(topic)} -o beginning -e "
            "-X isolation.level=read_committed",
        ),
    )
