"""One RelBench directory into a store. Needs core of plurel, which the rest of this package does without.

Core says what a directory holds, what its columns are and when they are known; `build_store` does the
packing. A store remembers what it was made from, to the byte, so that one that is there already is taken over
or refused. Not here: the command line (`commands`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast, get_args

from plurel.columns import encoding_of, infer_types
from plurel.errors import ConfigError, DatabaseError, RequestError
from plurel.places import refuse_inside
from plurel.plugins import Entry, get_ledger, provenance
from plurel.relbench_io import DatabaseDirectory, TaskDirectory, checked_origin
from plurel_sampler.building import build_store
from plurel_sampler.errors import (
    BuildError,
    StoreBusyError,
    StoreExistsError,
    StoreFormatError,
    StoreMissingError,
)
from plurel_sampler.records import Column, Embedder, Split, Table, Task, TaskType
from plurel_sampler.stores import Store

MADE_FROM = "made_from"
"""Key of a store's provenance: checksums of the database's files and the options of the packing."""

ROWS = "db/"
"""Where in a RelBench directory the rows of its tables lie."""

PACKING: int = 1
"""Raised with every change of what a build makes of the same database: an earlier one's store is refused."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A store that is there.

    Attributes:
        store: The store.
        reused: Whether it was there already, made from the same database with the same options.
    """

    store: Store
    reused: bool


def pack(
    directory: DatabaseDirectory,
    out: Path,
    *,
    embedder: str = "hashed",
    embedder_params: Mapping[str, Any] | None = None,
    tasks: Collection[str] | None = None,
    on_unresolved: Literal["error", "null"] = "error",
    overwrite: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Packed:
    """Packs one RelBench directory into a store at `out`, or takes over the one that is there.

    Args:
        directory: The database, as core's `read_directory` gives it.
        out: The store's directory.
        embedder: Name of the embedder contribution.
        embedder_params: Its parameters by name, where they are not the defaults.
        tasks: Names of the tasks to pack; None: all that a store can hold.
        on_unresolved: What to do with foreign keys that point at no row.
        overwrite: Replace a store that is there already, whatever it was made from.
        progress: Called with what is being done and the share of the work that is behind.

    Raises:
        RequestError: A task is not there or of a type that stores do not hold; what lies at `out` is no
            store, or one that was made from something else, or one with more than a store's files in it;
            it is a place inside a database or a store; another process is building there.
        DatabaseError: A file of the database cannot be read, or is not as it was written.
        SamplerError: The data contradicts what the directory says, or the store that is there is damaged.
    """
    refuse_inside(out.parent, "choose another path")
    ledger = get_ledger()
    chosen = _chosen(directory, tasks)
    entry = ledger.find("embedders", embedder)
    embeds: Embedder = _built(entry, embedder_params)
    made_from = {
        "options": {
            "packing": PACKING,
            "embedder": f"{entry.id} {embeds.fingerprint}",
            "tasks": [task.name for task in chosen],
            "on_unresolved": on_unresolved,
        },
        "files": dict(_checksums(directory, chosen)),
    }
    origin = checked_origin(directory, contents=True)
    if not overwrite and (found := _reuse(out, made_from)) is not None:
        return Packed(found, reused=True)
    types = infer_types(directory, ledger)
    asked = {one.id: one for columns in types.values() for one in columns.values() if one is not None}
    tables = [
        Table(
            name,
            table.file,
            primary_key=table.primary_key,
            time_column=table.time_column,
            foreign_keys=table.foreign_keys,
            columns={
                column: Column(
                    table.encodings[column] if one is None else encoding_of(one), table.known_at.get(column)
                )
                for column, one in types[name].items()
            },
            missing_time=table.missing_time,
        )
        for name, table in directory.tables.items()
    ]
    try:
        store = build_store(
            out,
            tables,
            [_task(task) for task in chosen],
            val_timestamp=directory.val_timestamp,
            test_timestamp=directory.test_timestamp,
            embedder=embeds,
            on_unresolved=on_unresolved,
            provenance={
                "database": directory.name,
                "contributions": provenance([(entry, embedder_params or {}), *asked.values()]),
                "source": origin,
                MADE_FROM: made_from,
            },
            progress=progress,
            overwrite=overwrite,
        )
    except StoreExistsError as error:
        # Another process may have built it meanwhile; where it shall be replaced, it cannot be.
        found = None if overwrite else _reuse(out, made_from)
        if found is None:
            raise RequestError(str(error)) from error
        return Packed(found, reused=True)
    except StoreBusyError as error:
        raise RequestError(str(error)) from error
    except BuildError as error:
        error.file = error.file or str(directory.path)
        raise
    return Packed(store, reused=False)


def database_of(store: Store) -> str | None:
    """Stands for the rows of the tables that a store was packed from, whatever the options and the tasks.

    None where the store does not say: `build_store` alone knows no database.
    """
    said = store.info["provenance"]
    made_from = said.get(MADE_FROM) if isinstance(said, dict) else None
    files = made_from.get("files") if isinstance(made_from, dict) else None
    rows = sorted((name, digest) for name, digest in (files or {}).items() if name.startswith(ROWS))
    return hashlib.blake2b(json.dumps(rows).encode(), digest_size=16).hexdigest() if rows else None


def _reuse(out: Path, made_from: Mapping[str, Any]) -> Store | None:
    """The store at a path, if there is one; None where there is none.

    Raises:
        RequestError: It was made from something else.
        StoreFormatError: It is damaged.
    """
    again = "--overwrite replaces it"
    try:
        store = Store.open(out)
    except StoreMissingError:
        return None
    except StoreFormatError as error:
        raise StoreFormatError(f"{error}; {again}", file=error.file, offset=error.offset) from error
    said = store.info["provenance"]
    said = said.get(MADE_FROM) if isinstance(said, dict) else None
    if not isinstance(said, dict):
        raise RequestError(f"{out} does not say what it was made from; {again}")
    for part, wanted in made_from.items():
        found = said.get(part)
        found = found if isinstance(found, dict) else {}
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                different = _difference(part, name, wanted, found)
                raise RequestError(f"{out} was made from something else: {different}; {again}")
    return store


def _difference(part: str, name: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """In words, what a store that is there was made from where this call has something else."""
    if part == "options":
        return f"{name} was {found.get(name)!r}, this run has {wanted.get(name)!r}"
    if name not in wanted:
        return f"the database had a file {name} then"
    return f"{name} has another content by now" if name in found else f"{name} was not part of it"


def _checksums(directory: DatabaseDirectory, tasks: Sequence[TaskDirectory]) -> Iterator[tuple[str, str]]:
    """The files that a packing reads, by their path in the directory, with a checksum of their content."""
    root = directory.path
    files = [root / "manifest.yaml", *(root / name for name in ("columns.yaml", "plurel.json"))]
    files += [table.file for table in directory.tables.values()]
    files += [root / "tasks" / task.name / "manifest.yaml" for task in tasks]
    files += [file for task in tasks for file in task.files.values()]
    for file in files:
        try:
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16))
        except FileNotFoundError as error:
            if file.name in ("columns.yaml", "plurel.json"):
                continue
            raise DatabaseError(f"{file} is missing, although the database names it") from error
        except OSError as error:
            raise DatabaseError(f"{file} cannot be read: {error.strerror}") from error
        yield file.relative_to(root).as_posix(), digest.hexdigest()


def _built(entry: Entry, params: Mapping[str, Any] | None) -> Embedder:
    try:
        embedder: Embedder = entry.build(params)
    except ConfigError as error:
        raise error.within(".embedder") from None
    return embedder


def _chosen(directory: DatabaseDirectory, names: Collection[str] | None) -> Sequence[TaskDirectory]:
    supported = get_args(TaskType)
    if names is None:
        return [task for task in directory.tasks.values() if task.task_type in supported]
    for name in names:
        if name not in directory.tasks:
            known = ", ".join(directory.tasks) or "none"
            raise RequestError(f"{directory.name} has no task {name!r}; its tasks are: {known}")
        found = directory.tasks[name].task_type
        if found not in supported:
            raise RequestError(f"task {name} is a {found}; stores hold: {', '.join(supported)}")
    return [directory.tasks[name] for name in names]


def _task(task: TaskDirectory) -> Task:
    window = (
        None
        if task.known_at is not None or task.timedelta is None
        else timedelta(microseconds=task.timedelta)
    )
    return Task(
        task.name,
        task.entity_table,
        task.entity_col,
        task.time_col,
        task.target_col,
        cast(TaskType, task.task_type),
        {cast(Split, split): path for split, path in task.files.items()},
        window=window,
        known_at=task.known_at,
        hidden_columns=task.hidden,
    )
