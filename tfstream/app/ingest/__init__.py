"""``tfstream record`` and ``tfstream sink``: from Kafka into PostgreSQL, each record exactly once."""
