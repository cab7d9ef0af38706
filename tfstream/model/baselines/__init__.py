"""Simple detectors that `tfstream evaluate --baselines` compares with the detector of this program."""
