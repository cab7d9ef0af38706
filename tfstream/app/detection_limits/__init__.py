"""The smallest faults of sensors that a model detects: they are put into rows that it has not learnt from."""
