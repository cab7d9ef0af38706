"""The simulated water plant of the demo: its physics, its instruments and its labelled faults.

Every random number comes from ``NoiseSource``, which derives a generator from the seed and a purpose. To
rename a purpose, or to change a shape or the order of draws, changes the readings of every seed.
"""
