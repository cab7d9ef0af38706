"""How many threads the arithmetic takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for as long as the block runs.

    A sum that is split among threads is rounded otherwise, and a score must not depend on how many cores a
    machine has. The matrices are small, too: on a busy machine threads that wait for one another cost more
    than they bring. More cores serve more partitions, with a process each.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
