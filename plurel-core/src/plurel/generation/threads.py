"""Blocks of rows on several threads: worked on in any order, handed back in theirs.

What a block takes long for (the kernel, numpy's loops) leaves the other threads running. Not here: several
databases (`generation.executor`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

from attrs import frozen

J = TypeVar("J")
R = TypeVar("R")

_AHEAD = 2
"""Jobs a thread that are begun before the first one's result is taken: results wait for their turn."""


@frozen
class Threads:
    """`plurel.pieces.Work` on threads of this process.

    Attributes:
        count: number of threads, at least 1.

    Example:
        >>> list(Threads(2)(abs, [-1, 2, -3]))
        [1, 2, 3]
    """

    count: int

    def __call__(self, function: Callable[[J], R], jobs: Iterable[J], /) -> Iterator[R]:
        """The results in the order of the jobs; what a job raises is raised in its place."""
        waiting = iter(jobs)
        first = list(islice(waiting, 2))
        if self.count == 1 or len(first) < 2:  # a thread for a single job would only cost
            yield from map(function, chain(first, waiting))
            return
        begun: deque[Future[R]] = deque()
        with ThreadPoolExecutor(self.count) as pool:
            try:
                for job in chain(first, waiting):
                    begun.append(pool.submit(function, job))
                    if len(begun) == _AHEAD * self.count:
                        yield begun.popleft().result()
                while begun:
                    yield begun.popleft().result()
            finally:
                for future in begun:
                    future.cancel()
