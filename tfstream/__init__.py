"""tfstream: anomaly detection on live industrial sensor topics."""

__version__ = "0.1.0"
