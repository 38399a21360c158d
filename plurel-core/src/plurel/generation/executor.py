"""The built-in executor: independent jobs on local processes.

Not here: what a job is. Functions and jobs travel by pickle to freshly spawned processes, so both live at the
top of a module.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from typing import TypeVar

from attrs import field, frozen, validators

from plurel.errors import GenerationError, PluginWarning

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

        A job that raises raises here, and jobs that have not begun are dropped. An interrupt stops all at
        once; so does the end of this process, whatever ends it.

        Raises:
            GenerationError: where a process dies.
        """
        waiting = list(jobs)
        workers = min(self.params.num_proc or available_cores(), len(waiting))
        if workers <= 1:
            yield from map(function, waiting)
            return
        others = set(active_children())
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start)
        with pool:
            try:
                with _held_back():
                    futures = [pool.submit(_work, function, job) for job in waiting]
                for future in as_completed(futures):
                    yield future.result()
            except (KeyboardInterrupt, GeneratorExit):
                for worker in set(active_children()) - others:
                    if worker.pid is not None:
                        with suppress(ProcessLookupError):  # it may have ended meanwhile
                            os.kill(worker.pid, signal.SIGINT)
                raise
            except BrokenProcessPool as error:
                raise GenerationError(
                    "one of the processes died, killed or out of memory; fewer processes need less memory "
                    f"(num_proc is {workers})"
                ) from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


_GRACE = 5.0
"""Seconds that a job may take to clean up when nobody waits for it any more."""
_working = threading.Event()
"""In a started process: a job is being done."""
_stopped = threading.Event()
"""In a started process: no further job is begun."""
_orphaned = threading.Event()
"""In a started process: nobody waits for it any more."""


_STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Requests to stop; Windows has no hangup."""


@contextmanager
def _held_back() -> Iterator[None]:
    """Inside, requests to stop wait; processes started here keep them waiting until they can obey cleanly."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    """A new process: plugins that do not load are its starter's affair, and it never outlives its starter."""
    for stop in _STOPS:
        if stop == signal.SIGINT or signal.getsignal(stop) is not signal.SIG_IGN:  # as under `nohup`
            signal.signal(stop, _stop)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    warnings.filterwarnings("ignore", category=PluginWarning)
    threading.Thread(target=_follow_starter, daemon=True).start()


def _stop(*_: object) -> None:
    """A signal stops a job the way exceptions do, so that it cleans up, and keeps others from beginning."""
    _stopped.set()
    if _working.is_set():
        raise KeyboardInterrupt


def _follow_starter() -> None:
    starter = parent_process()
    if starter is None:
        return
    wait([starter.sentinel])
    _orphaned.set()
    if not _working.is_set():
        os._exit(1)
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(_GRACE)
    os._exit(1)


def _work(function: Callable[[J], R], job: J) -> R:
    """One job in a started process."""
    if _stopped.is_set():
        raise KeyboardInterrupt
    _working.set()
    try:
        return function(job)
    finally:
        _working.clear()
        if _orphaned.is_set():
            os._exit(1)
