"""From scores to episodes: threshold, baseline, alarm rule, guilty sensors."""
