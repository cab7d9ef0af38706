"""From Kafka into Postgres: ``tfstream record`` and ``sink``."""
