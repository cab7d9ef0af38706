"""Published detectors beside the product: CVA, dynamic PCA, random cut forest, half-space trees.

All learn the same rows and set their thresholds by the same rule, without labels:
:mod:`tests.studies.quality.alarms.peers.peer`.
"""
