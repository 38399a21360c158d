"""How many threads torch uses and how they wait for each other.

A small model takes many short parallel steps. By default an idle OpenMP thread spins; where the cores are
busy with other work too, that costs a factor of five or more, so the commands let it sleep. A very small
model is no faster on two threads than on one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def let_idle_threads_sleep() -> None:
    """Sets `OMP_WAIT_POLICY` unless the environment has; of no use once torch is imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Inside, torch computes on one thread; values then do not depend on the number of cores either."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
