"""Scores computed again from stored history, for ``anomalies explain`` and ``backtest``."""
