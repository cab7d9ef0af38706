"""Files of sensor readings: into Postgres (``load``) and into Kafka (``replay``)."""
