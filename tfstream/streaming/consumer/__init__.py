"""Reading Kafka: the member of a consumer group, offsets, and topics that are read to their end."""
