"""Event time: readings become aligned rows and windows, for each asset and partition."""
