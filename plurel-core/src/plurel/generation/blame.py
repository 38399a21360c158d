"""Whose fault a failure is: what a contribution raises is told with its name and what it was asked for.

Not here: contributions that answer, but wrongly; the steps check those themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plurel.errors import PluginError, PlurelError
from plurel.plugins.entries import reason


@contextmanager
def blaming(who: str, task: str) -> Iterator[None]:
    """Turn what a contribution raises into a `PluginError`.

    Errors of our own tree say enough, and a want of memory or disk is nobody's fault: those stay as they are.

    Args:
        who: the contribution.
        task: what it was asked for, as in `the times of orders`.

    Example:
        >>> with blaming("the timeline odd:steps", "the times of orders"):
        ...     1 / 0
        Traceback (most recent call last):
        ...
        plurel.errors.PluginError: the timeline odd:steps failed at the times of orders: ZeroDivisionError: \
division by zero
    """
    try:
        yield
    except (PlurelError, MemoryError, OSError):
        raise
    except Exception as error:
        raise PluginError(f"{who} failed at {task}: {reason(error)}") from error
