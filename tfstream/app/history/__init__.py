"""Stored history: ``anomalies explain`` and ``backtest`` compute it again."""
