"""Precision and number of threads of the arithmetic."""
