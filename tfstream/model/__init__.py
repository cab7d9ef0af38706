"""The detector: a Time-Frequency Transformer beside closed-form predictors."""
