"""Errors as a person meets them: one paragraph on stderr and an exit code.

Not here: the errors themselves (`plurel.errors`); errors of other families are read by their attributes.
"""

from __future__ import annotations

import os
import re
import sys

from plurel.errors import PlurelError

INTERRUPTED = 130
FAILED = 1
REQUEST_WRONG = 2

_PLACES = ("file", "table", "column", "row")


def report(error: BaseException) -> int:
    """Say what went wrong and give the exit code.

    Args:
        error: what a command raised.
    """
    if isinstance(error, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    if isinstance(error, OSError):
        _drop_unwritable_output()
    if isinstance(error, BrokenPipeError):  # the reader has left, and needs no word of it
        return FAILED
    if isinstance(error, PlurelError):
        _say(f"error: {_plain(error)}")
        return error.exit_code
    if _is_cyclopts(error):
        _say(f"error: {_plain(error)}")
        return REQUEST_WRONG
    if any(hasattr(error, place) for place in _PLACES):
        _say(f"error: {_plain(error)}{_place(error)}")
        return FAILED
    if isinstance(error, OSError) and error.strerror is not None:
        _say(f"error: {error.strerror}" + ("" if error.filename is None else f": {error.filename}"))
        return FAILED
    if isinstance(error, UnicodeEncodeError):
        _say(f"error: a path or a text is not UTF-8: {error.object!r}")
        return FAILED
    if isinstance(error, MemoryError):
        _say(f"error: not enough memory for this work: {_plain(error) or 'none was left'}")
        return FAILED
    _say(
        f"error: {type(error).__name__}: {_plain(error)} (this was not foreseen; the same command with "
        "--traceback shows where it happened)"
    )
    return FAILED


def _drop_unwritable_output() -> None:
    """What cannot be written to stdout goes nowhere, so that the interpreter does not try again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _place(error: BaseException) -> str:
    """Where an error of the sampler's family happened, as far as its message does not say so."""
    known = {place: getattr(error, place, None) for place in _PLACES}
    missing = [
        f"{place} {value}"
        for place, value in known.items()
        if value is not None and not re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", str(error))
    ]
    return f" ({', '.join(missing)})" if missing else ""


def _is_cyclopts(error: BaseException) -> bool:
    """Whether a command line could not be parsed; cyclopts is not imported to find that out."""
    module = sys.modules.get("cyclopts")
    return module is not None and isinstance(error, module.CycloptsError)


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split())


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
