"""Event time: from readings to aligned rows and windows, for each asset and partition."""
