"""The built-in executor: independent jobs on local processes.

Not here: what a job is. Functions and jobs travel by pickle to freshly spawned processes, so both live at the
top of a module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import TypeVar

from attrs import field, frozen, validators

J = TypeVar("J")
R = TypeVar("R")


def available_cores() -> int:
    """Cores that this process may use, where the system tells; else those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@frozen(kw_only=True)
class Processes:
    """Parameters of `processes`, and the executor itself.

    Attributes:
        num_proc: number of processes; None for as many as this process may use cores.
    """

    num_proc: int | None = field(
        default=None, validator=validators.optional([validators.instance_of(int), validators.ge(1)])
    )

    def map(self, function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        """Results as they come; one process runs them here, in order.

        A job that raises raises here, and jobs that have not begun are dropped.
        """
        waiting = list(jobs)
        workers = min(self.num_proc or available_cores(), len(waiting))
        if workers <= 1:
            yield from map(function, waiting)
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            running: set[Future[R]] = {pool.submit(function, job) for job in waiting}
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
