"""The Time-Frequency Transformer: training form, inference form, and the transform to frequency."""
