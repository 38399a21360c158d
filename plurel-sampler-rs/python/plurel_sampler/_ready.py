"""The native part, after it has met numpy.

Its first array makes numpy's own code run, in which a request to stop would be raised where no native code
can pass it on. So the first array is made here, while such requests wait. Nothing else belongs here.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from plurel_sampler import _native as _native


@contextmanager
def _held_back() -> Iterator[None]:
    """Inside, signals that ask this thread to stop wait."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


with _held_back():
    _native.HashedEmbedder(1).embed([])
