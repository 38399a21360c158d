"""Errors as a person meets them: one paragraph on stderr and an exit code.

Under `--json` stdout gets its one document all the same. Not here: the errors themselves (`plurel.errors`);
errors of other families are read by their attributes.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO, TypeGuard

from plurel.errors import PlurelError

if TYPE_CHECKING:
    from cyclopts import CycloptsError

INTERRUPTED = 130
TERMINATED = 143
FAILED = 1
REQUEST_WRONG = 2

_PLACES = ("file", "table", "column", "row")


class Terminated(KeyboardInterrupt):
    """The system asked the command to end (SIGTERM): work stops and cleans up as after an interrupt."""


def report(error: BaseException, *, as_json: bool = False) -> int:
    """Say what went wrong and give the exit code.

    Args:
        error: what a command raised.
        as_json: the command was given `--json`: stdout gets the one document that it expects,
            `{"error": message, "exit_code": code}`.
    """
    if isinstance(error, OSError):
        _say(sys.stdout, "")
    if isinstance(error, BrokenPipeError):  # the reader has left, and needs no word of it
        return FAILED
    words, code = _told(error)
    _say(sys.stderr, words + "\n" if code in (INTERRUPTED, TERMINATED) else f"error: {words}\n")
    if as_json:
        _say(sys.stdout, json.dumps({"error": words, "exit_code": code}, indent=2) + "\n")
    return code


def paragraph(error: BaseException) -> str:
    """What went wrong, as `report` says it."""
    return _told(error)[0]


def _told(error: BaseException) -> tuple[str, int]:
    """The error as one paragraph, and its exit code."""
    if isinstance(error, Terminated):
        return "terminated", TERMINATED
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, PlurelError):
        return _plain(error), error.exit_code
    if _is_cyclopts(error):
        from plurel.cli.arguments import explain

        return explain(error), REQUEST_WRONG
    if any(hasattr(error, place) for place in _PLACES):
        return f"{_plain(error)}{_place(error)}", FAILED
    if isinstance(error, OSError) and error.strerror is not None:
        return _refused_by_the_system(error.strerror, error.filename)
    if isinstance(error, UnicodeEncodeError):
        return f"a path or a text is not UTF-8: {error.object!r}", FAILED
    if isinstance(error, MemoryError):
        return f"not enough memory for this work: {_plain(error) or 'none was left'}", FAILED
    hint = "this was not foreseen; the same command with --traceback shows where it happened"
    return f"{type(error).__name__}: {_plain(error)} ({hint})", FAILED


def _refused_by_the_system(reason: str, name: Any) -> tuple[str, int]:
    """What the system says of a file; one that can be nowhere was a wrong request."""
    from plurel.places import flaw

    wrong = flaw(name) if isinstance(name, str) else None
    if wrong is not None:
        return f"the path {wrong}", REQUEST_WRONG
    return reason + ("" if name is None else f": {name}"), FAILED


def _say(stream: TextIO, words: str) -> None:
    """Write the last that a stream gets.

    Where it cannot be written it goes nowhere, so that the interpreter does not try again at exit.
    """
    try:
        stream.write(words)
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _place(error: BaseException) -> str:
    """Where an error of the sampler's family happened, as far as its message does not say so."""
    known = {place: getattr(error, place, None) for place in _PLACES}
    missing = [
        f"{place} {value}"
        for place, value in known.items()
        if value is not None and not re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", str(error))
    ]
    return f" ({', '.join(missing)})" if missing else ""


def _is_cyclopts(error: BaseException) -> TypeGuard[CycloptsError]:
    """Whether a command line could not be parsed; cyclopts is not imported to find that out."""
    module = sys.modules.get("cyclopts")
    return module is not None and isinstance(error, module.CycloptsError)


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split())
