"""`plurel.json`: where a database comes from, and whether the files beside it are those it was written with.

Not here: what a generated database says in it (`plurel.generation.manifest`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from plurel.errors import DatabaseError
from plurel.relbench_io.directory import DatabaseDirectory
from plurel.relbench_io.footers import read_footer

ORIGIN = "plurel.json"
DIGESTS = "sha256"
"""Key of `plurel.json` with the SHA-256 of every file beside it, by its path from the directory."""


class KeyedTable(Protocol):
    """A table as a manifest describes it."""

    @property
    def file(self) -> Path:
        """Its Parquet file."""

    @property
    def primary_key(self) -> str | None:
        """Its primary key."""

    @property
    def time_column(self) -> str | None:
        """The column of its rows' times."""

    @property
    def foreign_keys(self) -> Mapping[str, str]:
        """The parent of each foreign key."""


def read_origin(path: Path) -> dict[str, Any] | None:
    """What a database says of where it comes from: the `plurel.json` of its directory, None without one.

    Raises:
        DatabaseError: where the file is damaged.
    """
    file = path / ORIGIN
    if not file.is_file():
        return None
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatabaseError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DatabaseError(f"{file} is damaged: it is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise DatabaseError(f"{file} is damaged: it must hold an object, got a {type(said).__name__}")
    return said


def checked_origin(directory: DatabaseDirectory, *, contents: bool = False) -> dict[str, Any] | None:
    """What a database says of where it comes from, where that belongs to the files beside it.

    Args:
        directory: the database.
        contents: compare the content of every file with its checksum too.

    Raises:
        DatabaseError: where `plurel.json` is damaged or another database's, or a file is not as it was
            written; the message names the file and the difference.
    """
    said = read_origin(directory.path)
    if said is not None:
        check_origin(directory, said)
        if contents:
            check_contents(directory.path, said)
    return said


def check_origin(directory: DatabaseDirectory, said: Mapping[str, Any]) -> None:
    """Refuse a `plurel.json` that is another database's.

    Args:
        directory: the database.
        said: the content of its `plurel.json`.

    Raises:
        DatabaseError: with the first difference.
    """
    for difference in differences(directory.path, directory.name, directory.tables, said):
        raise DatabaseError(f"{directory.path / ORIGIN} belongs to another database: {difference}")


def check_contents(root: Path, said: Mapping[str, Any]) -> None:
    """Refuse a database with a file that is not as it was written; one without checksums passes.

    Args:
        root: its directory.
        said: the content of its `plurel.json`.

    Raises:
        DatabaseError: with the first such file.
    """
    for name, words in changed(root, said):
        raise DatabaseError(f"{root / name} {words}")


def differences(
    root: Path, name: str | None, tables: Mapping[str, KeyedTable], said: Mapping[str, Any]
) -> Iterator[str]:
    """Where a `plurel.json` differs from the files beside it, in words.

    Compared are the name, the tables, their keys, and the rows and columns that the footers tell; what the
    document leaves out is not, and neither is a table whose file cannot be read.

    Args:
        root: the database's directory, as errors name it.
        name: the database's name in its manifest, None where that has none.
        tables: the manifest's tables.
        said: the document.

    Raises:
        DatabaseError: where the document's schema is none.
    """
    if name is not None and said.get("name", name) != name:
        yield f"it names {said['name']!r}, manifest.yaml {name!r}"
    if "schema" not in said:
        return
    described = _described(root, said["schema"])
    for table in sorted(described.keys() ^ tables.keys()):
        yield f"only {ORIGIN if table in described else 'manifest.yaml'} has a table {table!r}"
    for table in described:
        if table in tables:
            found = _found(tables[table])
            for what, value in described[table].items():
                here = found.get(what, value)
                if here == value:
                    continue
                if isinstance(value, set):  # of many columns, few differ
                    value, here = sorted(value - here), sorted(here - value)
                yield f"{table!r} has {what} {value!r} there, {here!r} here"


def _described(root: Path, schema: Any) -> dict[str, dict[str, Any]]:
    """What there is to compare of each table of a schema."""
    try:
        return {
            str(table["name"]): {
                "the primary key": table["primary_key"],
                "the time column": table["time_column"],
                "the foreign keys": {key["column"]: key["parent"] for key in table["foreign_keys"]},
                "the features": {str(column["name"]) for column in table["columns"]},
                "rows": table["rows"],
            }
            for table in schema
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise DatabaseError(
            f"{root / ORIGIN} is damaged: its schema must list tables with rows, keys and columns"
        ) from error


def _found(table: KeyedTable) -> dict[str, Any]:
    found: dict[str, Any] = {
        "the primary key": table.primary_key,
        "the time column": table.time_column,
        "the foreign keys": dict(table.foreign_keys),
    }
    with suppress(DatabaseError):  # whoever reads that file says so
        footer = read_footer(table.file)
        keys = {table.primary_key, table.time_column, *table.foreign_keys}
        found["the features"] = set(footer.schema.names) - keys
        found["rows"] = footer.rows
    return found


def digests(root: Path) -> dict[str, str]:
    """SHA-256 of every file of a directory but its `plurel.json`, by its path from there, sorted."""
    return {name: _digest(file) for name, file in sorted(_files(root).items())}


def changed(root: Path, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Files that are not as they were written.

    Args:
        root: the directory of a database.
        said: the content of its `plurel.json`; without checksums, nothing is compared.

    Yields:
        The file's path from there, and what is wrong with it.

    Raises:
        DatabaseError: where the record of checksums is none, or a file cannot be read.
    """
    recorded = said.get(DIGESTS, {})
    if not isinstance(recorded, dict):
        raise DatabaseError(f"{root / ORIGIN} is damaged: {DIGESTS} must map files to checksums")
    files = _files(root)
    for name, digest in recorded.items():
        if name not in files:
            yield name, f"is missing; {ORIGIN} lists it"
        elif (found := _digest(files[name])) != digest:
            yield name, f"is not as it was written: its SHA-256 is {found}, {ORIGIN} says {digest}"


def _files(root: Path) -> dict[str, Path]:
    found = {file.relative_to(root).as_posix(): file for file in root.rglob("*") if file.is_file()}
    found.pop(ORIGIN, None)
    return found


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DatabaseError(f"{file} cannot be read: {error.strerror}") from error
