"""`plurel preprocess`: RelBench directories into stores. Loaded by core's ledger only.

What a person types and reads. Not here: the packing of one directory (`packing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from plurel.cli.output import Reporter, reporter
from plurel.config.assign import assign
from plurel.config.convert import unstructure
from plurel.errors import RequestError
from plurel.places import make, refuse_inside
from plurel.plugins import get_ledger
from plurel.relbench_io import DatabaseDirectory, read_directory
from plurel_sampler.packing import Packed, pack
from plurel_sampler.records import Encoding
from plurel_sampler.stores import Store, TableInfo

app = App(name="preprocess", help="Pack RelBench directories into stores that models are fed from.")


@app.default
def preprocess(
    *databases: Path,
    out: Path,
    embedder: str = "hashed",
    set: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),  # noqa: A002
    task: Annotated[list[str] | None, Parameter(negative="")] = None,
    on_unresolved: Literal["error", "null"] = "error",
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    verbose: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Pack RelBench directories into stores, one a database, at OUT/<name of the database>.

    A store that an earlier run made from the same files with the same options stays as it is.

    Parameters
    ----------
    databases
        RelBench directories.
    out
        Where the stores go.
    embedder
        What makes the vectors of texts; `plurel plugins list --kind embedders` shows them.
    set
        A parameter of the embedder, as in embedder.width=64; `plurel plugins show` lists them.
    task
        Pack this task only; may be given several times. All tasks by default.
    on_unresolved
        What to do with foreign keys that point at no row: fail, or count them and store none.
    overwrite
        Replace stores that are there already.
    verbose
        Say of every store which tables and tasks it holds; for one database alone that is said anyway.
    json
        Print one JSON document.
    """
    if not databases:
        raise RequestError("no database was named; expected the path of at least one RelBench directory")
    say = reporter(json=json)
    directories = [read_directory(path) for path in databases]
    parameters = _parameters(embedder, set)
    twice = [
        name for name, count in Counter(directory.name for directory in directories).items() if count > 1
    ]
    if twice:
        raise RequestError(
            f"several databases are called {', '.join(twice)}; pack them into different directories"
        )
    refuse_inside(out, "choose another --out")
    make(out, "stores")
    stores: list[tuple[DatabaseDirectory, Packed]] = []
    alone = len(directories) == 1
    with say.progress(_words(directories), total=100 if alone else len(directories)) as bar:
        for directory in directories:

            def note(words: str, share: float, of: str = directory.name) -> None:
                bar.note(f"packing {of}: {words}")
                if alone:
                    bar.advance(round(100 * share) - bar.done)

            packed = pack(
                directory,
                out / directory.name,
                embedder=embedder,
                embedder_params=parameters,
                tasks=task,
                on_unresolved=on_unresolved,
                overwrite=overwrite,
                progress=note,
            )
            stores.append((directory, packed))
            if not alone:
                words = "is there already" if packed.reused else "packed"
                bar.advance(words=f"{directory.name} {words}")
    documents = [_document(packed, directory) for directory, packed in stores]
    if verbose or alone:
        for directory, packed in stores:
            _say_all(say, packed, directory)
    else:
        _say_each(say, stores, documents, out)
    say.emit({"stores": documents})


def _parameters(embedder: str, assignments: tuple[str, ...]) -> dict[str, Any]:
    """The parameters of an embedder: its defaults with `embedder.name=value` on top."""
    document = {"embedder": unstructure(get_ledger().find("embedders", embedder).parameters()) or {}}
    for assignment in assignments:
        assign(document, assignment)
    return dict(document["embedder"])


def _words(directories: Collection[DatabaseDirectory]) -> str:
    names = [directory.name for directory in directories]
    return f"packing {names[0]} into a store" if len(names) == 1 else f"packing {len(names)} databases"


def _document(packed: Packed, directory: DatabaseDirectory) -> dict[str, Any]:
    store = packed.store
    return {
        "name": directory.name,
        "path": str(store.path),
        "reused": packed.reused,
        "rows": _rows(store),
        "labels": _labels(store),
        "cells": store.num_cells,
        "tables": {name: table.rows for name, table in store.tables.items() if not table.is_task},
        "tasks": {
            name: {split: last - first for split, (first, last) in task.splits.items()}
            for name, task in store.tasks.items()
        },
        "tasks_left_out": sorted({*directory.tasks, *directory.other_tasks} - {*store.tasks}),
        "embeddings": store.info["embeddings"],
        "report": store.info["report"],
    }


def _rows(store: Store) -> int:
    """Rows of its database's tables."""
    return sum(table.rows for table in store.tables.values() if not table.is_task)


def _labels(store: Store) -> int:
    """Label rows of its tasks."""
    return store.num_rows - _rows(store)


def _say_each(
    say: Reporter, stores: Collection[tuple[DatabaseDirectory, Packed]], documents: list[Any], out: Path
) -> None:
    """A line for each of several stores, and what a person should know of its keys and tasks."""
    say.table(
        f"stores in {out}",
        ["name", "tables", "rows", "tasks", "labels", "cells", ""],
        [
            (
                document["name"],
                len(document["tables"]),
                f"{document['rows']:,}",
                len(document["tasks"]),
                f"{document['labels']:,}",
                f"{document['cells']:,}",
                "as it was" if document["reused"] else "",
            )
            for document in documents
        ],
    )
    for directory, packed in stores:
        for words in _remarks(packed.store, directory):
            say.result(f"{directory.name}: {words}")


def _say_all(say: Reporter, packed: Packed, directory: DatabaseDirectory) -> None:
    """Tables and tasks of one store."""
    store = packed.store
    if packed.reused:
        say.say(f"{store.path} is there already and stays as it is")
    say.table(
        f"{directory.name} in {store.path}: {_rows(store):,} rows and {_labels(store):,} labels, "
        f"{store.num_cells:,} cells",
        ["table", "rows", "columns", "keys", "known"],
        [
            (
                name,
                f"{table.rows:,}",
                ", ".join(f"{count} {encoding}" for encoding, count in _encodings(table)),
                ", ".join(f"{key} -> {parent}" for key, parent in table.foreign_keys.items()),
                _known(table),
            )
            for name, table in store.tables.items()
            if not table.is_task
        ],
    )
    for name, task in store.tasks.items():
        rows = ", ".join(f"{last - first:,} {split}" for split, (first, last) in task.splits.items())
        say.result(f"task {name}: {task.task_type} of {task.entity_table}, {rows}")
    for words in _remarks(store, directory):
        say.result(words)


def _remarks(store: Store, directory: DatabaseDirectory) -> list[str]:
    """What is not in a store although its database says it."""
    remarks = [
        f"{unresolved['count']:,} keys {unresolved['table']}.{unresolved['column']} point at no row of "
        f"{unresolved['parent']} and are stored as none"
        for unresolved in store.info["report"]["unresolved_keys"]
    ]
    left_out = sorted({*directory.tasks, *directory.other_tasks} - {*store.tasks})
    if left_out:
        remarks.append(f"tasks left out: {', '.join(left_out)}")
    return remarks


def _known(table: TableInfo) -> str:
    """When the rows of a table are known."""
    if table.time_column:
        return f"by {table.time_column}"
    return "with its parents" if table.foreign_keys else "always"


def _encodings(table: TableInfo) -> list[tuple[Encoding, int]]:
    return Counter(column.encoding for column in table.columns.values()).most_common()
