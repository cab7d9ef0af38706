"""PostgreSQL and a Kafka broker as child processes, for the demo and the tests; never for production."""
