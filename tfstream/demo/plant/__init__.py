"""The simulated water plant of the demo: its physics, its instruments and its labelled faults."""
