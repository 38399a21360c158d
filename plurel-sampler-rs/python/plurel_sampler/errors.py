"""What can go wrong in this package, as exceptions with the place where it went wrong.

Core of plurel formats them by their attributes; nothing here depends on core.
"""

from __future__ import annotations


class SamplerError(Exception):
    """Something in a store or a sampler went wrong.

    Attributes:
        file: The file or directory, where one is meant.
        table: The table (or task).
        column: The column.
        row: The row, counted from 0 in the order of the source.
        offset: The byte in ``file``.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        table: str | None = None,
        column: str | None = None,
        row: int | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.file = file
        self.table = table
        self.column = column
        self.row = row
        self.offset = offset

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (type(self), str(self), dict(self.__dict__)))


def _restored(kind: type[SamplerError], message: str, place: dict[str, object]) -> SamplerError:
    error = kind(message)
    error.__dict__.update(place)
    return error


class BuildError(SamplerError):
    """The tables, tasks or options of a build contradict each other, or a source cannot be read."""


class UnresolvedKeyError(BuildError):
    """A foreign key holds values that no row of its parent table has."""


class CellValueError(BuildError, ValueError):
    """A cell holds a value that its encoding cannot hold (an infinity, a fractional key, ...)."""


class LimitError(BuildError):
    """A limit of the store format is exceeded."""


class StoreError(SamplerError):
    """A store cannot be used."""


class StoreExistsError(StoreError, FileExistsError):
    """Something lies at the output path already."""


class StoreBusyError(StoreError):
    """Another process is building a store at the path, or adds vectors to it."""


class StoreMissingError(StoreError, FileNotFoundError):
    """There is no store at the path."""


class StoreFormatError(StoreError):
    """The files of a store contradict each other or the format: damaged, or of another version."""


class StoreIOError(StoreError, OSError):
    """The operating system refused to read or write."""


class ContextError(SamplerError, LookupError):
    """A sampler or an accessor was asked for something that its stores do not have."""
