"""The peers by their names in the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tests.studies.quality.alarms.peers.cva import learn_cva
from tests.studies.quality.alarms.peers.dynamic_pca import learn_dynamic_pca
from tests.studies.quality.alarms.peers.half_space_trees import learn_half_space_trees
from tests.studies.quality.alarms.peers.peer import Peer
from tests.studies.quality.alarms.peers.random_cut_forest import learn_random_cut_forest


def cva() -> Peer:
    return Peer(name="CVA", learn=learn_cva)


def dynamic_pca() -> Peer:
    return Peer(name="dynamic PCA", learn=learn_dynamic_pca)


def random_cut_forest() -> Peer:
    return Peer(name="random cut forest", learn=learn_random_cut_forest)


def half_space_trees() -> Peer:
    return Peer(name="half-space trees", learn=learn_half_space_trees)


PEERS: Mapping[str, Callable[[], Peer]] = MappingProxyType(
    {make().name: make for make in (cva, dynamic_pca, random_cut_forest, half_space_trees)}
)
