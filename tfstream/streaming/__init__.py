"""Kafka: consuming, the one transaction, the state topic."""
