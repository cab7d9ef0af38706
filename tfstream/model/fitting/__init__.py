"""Fits a detector: from normal series to trained network, term weights and calibrated threshold."""
