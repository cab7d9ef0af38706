"""PostgreSQL and a broker started from here, for the demo and the tests; never for production."""
