"""How torch's threads wait for each other, said to the OpenMP runtime before it is loaded.

A small model's steps are many short parallel pieces. By default an idle OpenMP thread spins; where the cores
are busy with something else as well, that costs a factor of five or more. Letting it sleep costs nothing that
could be measured. Not here: how many threads there are (`OMP_NUM_THREADS`, as ever).
"""

from __future__ import annotations

import os


def let_idle_threads_sleep() -> None:
    """Sets `OMP_WAIT_POLICY` unless the environment has; of no use once torch is imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
