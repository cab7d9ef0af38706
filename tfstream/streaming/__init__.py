"""Kafka: the consumer-group member, the one transaction, the state topic, and what commands ask a broker."""
