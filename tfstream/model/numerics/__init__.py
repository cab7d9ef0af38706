"""Precision and threads of the arithmetic."""
