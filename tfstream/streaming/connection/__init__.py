"""Clients of librdkafka: settings, errors in the words of tfstream, the health of the brokers."""
