"""The code that the reference pages are made from: this folder imports tfstream here only."""

from __future__ import annotations

from tfstream.app.runtime.metrics import METRICS
from tfstream.app.runtime.scoring_status import IdleReason
from tfstream.cli.main import app
from tfstream.config import SETTINGS

__all__ = ["METRICS", "SETTINGS", "IdleReason", "app"]
