"""Writing Kafka: the one transaction of a commit, dead letters, and the readings of ``replay``."""
