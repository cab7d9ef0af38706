"""Messages: from bytes to readings, and from anomalies to bytes."""
