"""Messages: readings from bytes and to bytes, anomaly events and scores to bytes."""
