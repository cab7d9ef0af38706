"""Simple detectors that `tfstream evaluate --baselines` compares with ours."""
