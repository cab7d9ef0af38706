"""The code that the reference pages are made from: this folder imports tfstream here only."""

from __future__ import annotations

from tfstream.app.metrics import METRICS
from tfstream.app.not_scoring import Reason
from tfstream.cli.main import app
from tfstream.config import SETTINGS

__all__ = ["METRICS", "SETTINGS", "Reason", "app"]
