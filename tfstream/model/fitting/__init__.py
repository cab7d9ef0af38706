"""From normal series to a calibrated detector."""
