"""Artificial faults: some kinds train the network, other kinds test models at the promotion gate."""
