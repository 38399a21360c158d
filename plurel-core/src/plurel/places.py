"""Places that work goes to: held by one process at a time, and cleared of what dead ones began there.

A lock here is the operating system's, on the directory itself (`flock`): it ends with its process, whatever
ends that, and leaves no file behind. Where there are no such locks (Windows, some network file systems),
nobody is kept out and nothing is cleared. Not here: what is written.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from plurel.errors import RequestError

if sys.platform != "win32":
    import fcntl

MOST_PARTS = 255
MOST_BYTES = 4095
LONGEST_NAME = 255
"""Of a path: folders one below the other, bytes, and bytes of each name. Common systems take no more bytes;
more folders are a mistake, which Python would meet as a recursion too deep."""

_LONGEST = 80
_DRAFT = re.compile(r"\..+\.unfinished-[0-9a-f]{12}")
_KEPT = LONGEST_NAME - len("..unfinished-123456789abc")
"""Bytes of a name that its draft's keeps, so that it is a name too."""


def flaw(path: str | Path) -> str | None:
    """Why nothing can lie at a path, as what follows "the path" in a sentence; None where something can.

    Args:
        path: as a person wrote it: pathlib reads an empty text as the current folder.

    Example:
        >>> flaw("databases/first")
        >>> flaw("")
        'names no folder and no file: it is empty (. is the current folder)'
    """
    text = str(path)
    shown = repr(text) if len(text) <= _LONGEST else f"{text[:_LONGEST]!r}..."
    if not text:
        return "names no folder and no file: it is empty (. is the current folder)"
    if "\0" in text:
        return f"holds a null character, which no name has: {shown}"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"is not UTF-8, as names are here: {shown}"
    parts = Path(text).parts
    if len(parts) > MOST_PARTS:
        return f"has {len(parts):,} folders one below the other, at most {MOST_PARTS} may be: {shown}"
    longest = max((len(part.encode()) for part in parts), default=0)
    if longest > LONGEST_NAME:
        return f"holds a name of {longest:,} bytes, at most {LONGEST_NAME} may be: {shown}"
    return f"is {size:,} bytes long, at most {MOST_BYTES:,} may be: {shown}" if size > MOST_BYTES else None


@contextmanager
def held(directory: Path, what: str) -> Iterator[None]:
    """Hold a directory for as long as one works in it; it is made if it is not there.

    Drafts that dead processes left in it are removed.

    Args:
        directory: where the work goes.
        what: what goes there, as errors call it.

    Raises:
        RequestError: where another process holds it, or it is no directory and none can be made.
    """
    make(directory, what)
    handle = _open(directory)
    try:
        if handle is not None and _lock(handle) is False:
            raise RequestError(
                f"another process is writing {what} to {directory}; wait for it, or choose another directory"
            )
        clear(directory)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def make(directory: Path, what: str) -> None:
    """Make the directory that work goes to, unless it is there.

    Args:
        directory: where the work goes.
        what: what goes there, as errors call it.

    Raises:
        RequestError: where it is no directory and none can be made, or the path can name none.
    """
    _refuse_flaw(directory, what)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"{what} cannot go to {directory}: {error.strerror}; expected a directory, or a place to make one"
        ) from error


@contextmanager
def draft(target: Path) -> Iterator[Path]:
    """A hidden directory beside a target, to fill and then to rename; it is gone afterwards.

    Drafts beside it whose processes are dead are removed first.

    Args:
        target: the directory that shall be.

    Yields:
        The draft, which is there and empty.

    Raises:
        RequestError: where nothing can lie at the target's path, or no directory can be made above it.
    """
    _refuse_flaw(target, "a directory")
    make(target.parent, str(target))
    clear(target.parent)
    path, handle = _new(target)
    try:
        yield path
    finally:
        # One that was renamed is not there any more; failing to remove one must not hide the reason.
        shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def settle(finished: Path, target: Path) -> None:
    """Give a finished directory its name; whoever wrote the same one meanwhile was first.

    Raises:
        RequestError: where the target is there already.
    """
    try:
        finished.rename(target)
    except OSError as error:
        refuse_taken(target, error)
        raise
    sync(target.parent)


def refuse_taken(target: Path, cause: OSError | None = None, *, another: str = "directory") -> None:
    """Refuse a directory that is to be made where something is already; a link to nothing is something.

    Args:
        target: the directory that shall be.
        cause: what the system said when it was made.
        another: what to choose another of.

    Raises:
        RequestError: where its name is taken.
    """
    if os.path.lexists(target):
        what = "is already there" if target.exists() else "is a link to nothing"
        raise RequestError(f"{target} {what}; remove it or choose another {another}") from cause


def refuse_inside(out: Path, advice: str) -> None:
    """Refuse a place in a database or a store, which hold their own files only and may be replaced whole.

    Args:
        out: the place.
        advice: how to name another one, as the error ends.

    Raises:
        RequestError: where it is one or lies in one, or the path can name no place.
    """
    reason = flaw(out)
    if reason is not None:
        raise RequestError(f"nothing can be written there: the path {reason}; {advice}")
    place = Path(os.path.realpath(out))
    for folder in (place, *place.parents):
        is_database = (folder / "manifest.yaml").is_file() and (folder == place or (folder / "db").is_dir())
        if is_database or (folder / "store.json").is_file():
            what = "database" if is_database else "store"
            raise RequestError(f"{out} lies in the {what} {folder}, which holds its own files only; {advice}")


def expanded(path: str | Path) -> Path:
    """A path with the home directory for `~`, and that of a user for `~user`.

    Raises:
        RequestError: where there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise RequestError(f"{path} begins with the home of a user who is not here") from error


def clear(directory: Path) -> None:
    """Remove the drafts in a directory that no living process holds."""
    with os.scandir(directory) as entries:
        found = [Path(entry.path) for entry in entries if _DRAFT.fullmatch(entry.name)]
    for path in found:
        handle = _open(path)
        if handle is None:
            continue
        try:
            if _lock(handle) and _is(path, handle):
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(handle)


def write_whole(file: Path, text: str) -> None:
    """Write a small file into a place that one holds: whoever reads it finds the old text or the new one."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    sync(file.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_flaw(path: Path, what: str) -> None:
    reason = flaw(path)
    if reason is not None:
        raise RequestError(f"{what} cannot go there: the path {reason}")


def _new(target: Path) -> tuple[Path, int | None]:
    """A draft of our own; one that was cleared by another process before we held it is made again."""
    while True:
        name = target.name.encode()[:_KEPT].decode(errors="ignore")
        path = target.parent / f".{name}.unfinished-{uuid.uuid4().hex[:12]}"
        path.mkdir()
        handle = _open(path)
        if handle is None and path.exists():
            return path, None
        if handle is not None:
            if _lock(handle) is not False and _is(path, handle):
                return path, handle
            os.close(handle)


def _open(path: Path) -> int | None:
    """The directory, opened; None where it is not there, or a system has no such handles."""
    if sys.platform != "win32":
        with suppress(OSError):
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    return None


def _lock(handle: int) -> bool | None:
    """True: it is ours; False: it is another's; None: locks do not exist here."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is(path: Path, handle: int) -> bool:
    """Whether a path still names the directory that was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False
