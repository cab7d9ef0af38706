"""How many threads the arithmetic uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Use a single thread while the block runs.

    A sum that is split among threads is rounded differently, and a score must not depend on the number of
    cores. The matrices are also small: on a busy machine, threads that wait for each other cost more time
    than they save. More cores serve more partitions, with a process each.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
