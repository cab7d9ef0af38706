"""Artificial faults: some train the detector, others judge it at the promotion gate."""
