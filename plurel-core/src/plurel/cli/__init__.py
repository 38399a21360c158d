"""The `plurel` command: a frame that finds commands in the ledger and runs one of them."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `plurel`; an interrupt while it is still being imported ends it as one later does.

    Args:
        arguments: what follows `plurel`; those of the process by default.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted, 143 terminated.
    """
    try:
        from plurel.cli.frame import run

        return run(arguments)
    except KeyboardInterrupt:
        if arguments is None:
            ignore_interrupts()
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
        return 130


def ignore_interrupts() -> None:
    """An interrupted process ends: another interrupt on its way out would only show where it was."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
