"""From windows to scores: the trained detector and the terms of its score."""
