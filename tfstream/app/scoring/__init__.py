"""``tfstream score``: from messages to anomaly events in one Kafka transaction."""
