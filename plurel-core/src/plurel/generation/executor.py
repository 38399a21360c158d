"""The built-in executor: independent jobs on local processes.

Not here: what a job is. Functions and jobs travel by pickle to freshly spawned processes, so both live at the
top of a module.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

from attrs import field, frozen, validators

from plurel.errors import PluginWarning

J = TypeVar("J")
R = TypeVar("R")


def available_cores() -> int:
    """Cores that this process may use, where the system tells; else those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@frozen(kw_only=True)
class ProcessesParams:
    """Parameters of `processes`.

    Attributes:
        num_proc: number of processes; None for as many as this process may use cores.
    """

    num_proc: int | None = field(
        default=None, validator=validators.optional([validators.instance_of(int), validators.ge(1)])
    )


@frozen
class Processes:
    """Runs jobs on freshly spawned processes of this machine."""

    params: ProcessesParams = field(factory=ProcessesParams)

    def map(self, function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        """Results as they come; one process runs them here, in order.

        A job that raises raises here, and jobs that have not begun are dropped.
        """
        waiting = list(jobs)
        workers = min(self.params.num_proc or available_cores(), len(waiting))
        if workers <= 1:
            yield from map(function, waiting)
            return
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start)
        with pool:
            try:
                for future in as_completed([pool.submit(_work, function, job) for job in waiting]):
                    yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    """A new process: interrupts between jobs, and plugins that do not load, are its starter's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", category=PluginWarning)


def _work(function: Callable[[J], R], job: J) -> R:
    """One job in a started process; an interrupt stops it the way exceptions do, so that it cleans up."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return function(job)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
