"""Databases as artefacts: RelBench directories, read without RelBench and without a row of them in memory.

Not here: the rules that a database keeps (`plurel.validate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plurel.artefacts.contents import Contents, Listing
from plurel.artefacts.origins import contributions_in, keys_listing
from plurel.graph import CausalGraph, graph_in
from plurel.plugins.requests import ArtefactRequest
from plurel.relbench_io import (
    DatabaseDirectory,
    TableDirectory,
    TaskDirectory,
    checked_origin,
    read_directory,
)
from plurel.relbench_io.directory import SPLITS
from plurel.relbench_io.footers import read_footer
from plurel.relbench_io.moments import iso
from plurel.validate import Breach, validate_directory

_TOLD_ELSEWHERE = ("name", "contributions", "sha256", "schema", "columns", "causal_graph")
"""Parts of `plurel.json` that the artefact's own tables say, or that are too long to say."""


class DatabaseArtefact:
    """Reads and checks RelBench directories."""

    def inspect(self, request: ArtefactRequest) -> Contents:
        """What the directory holds.

        Raises:
            DatabaseError: where a file of it cannot be read, or its `plurel.json` is another database's.
        """
        directory = read_directory(request.path)
        said = checked_origin(directory) or {}
        tables = {name: _table(table) for name, table in directory.tables.items()}
        tasks = {name: _task(task) for name, task in directory.tasks.items()}
        causes = summary_of_causes(graph_in(said, request.path)) if "causal_graph" in said else {}
        rows = sum(table["rows"] for table in tables.values())
        return Contents(
            summary=f"{directory.name}: {len(tables)} tables, {rows:,} rows, {len(tasks)} tasks; validation "
            f"from {iso(directory.val_timestamp)}, test from {iso(directory.test_timestamp)}",
            facts={
                "name": directory.name,
                "description": directory.description,
                "val_timestamp": iso(directory.val_timestamp),
                "test_timestamp": iso(directory.test_timestamp),
                "rows": rows,
                "tables": tables,
                "tasks": tasks,
                "other_tasks": list(directory.other_tasks),
                "causes": causes,
                "origin": _origin(said),
            },
            listings=[
                *_table_listings(tables),
                *_task_listing(directory, tasks),
                *_cause_listing(causes),
                *_origin_listing(said),
            ],
            contributions=contributions_in(said, request.path),
        )

    def validate(self, request: ArtefactRequest) -> Sequence[Breach]:
        """Every breach of the RelBench contract."""
        return validate_directory(request.path)


def _table(table: TableDirectory) -> dict[str, Any]:
    footer = read_footer(table.file)
    return {
        "rows": footer.rows,
        "primary_key": table.primary_key,
        "time_column": table.time_column,
        "foreign_keys": dict(table.foreign_keys),
        "columns": {
            field.name: {
                "type": str(field.type),
                "encoding": table.encodings.get(field.name),
                "known_at": table.known_at.get(field.name),
            }
            for field in footer.schema
        },
    }


def _task(task: TaskDirectory) -> dict[str, Any]:
    return {
        "kind": task.kind,
        "task_type": task.task_type,
        "entity_table": task.entity_table,
        "entity_col": task.entity_col,
        "target_col": task.target_col,
        "time_col": task.time_col,
        "window_microseconds": task.timedelta,
        "known_at": task.known_at,
        "hidden": list(task.hidden),
        "rows": {split: read_footer(file).rows for split, file in task.files.items()},
    }


def _origin(said: Mapping[str, Any]) -> dict[str, Any]:
    """What `plurel.json` says beyond what stands in other places of the document."""
    return {name: value for name, value in said.items() if name not in _TOLD_ELSEWHERE}


def _table_listings(tables: Mapping[str, Mapping[str, Any]]) -> list[Listing]:
    return [
        Listing(
            title="tables",
            columns=["table", "rows", "primary key", "time", "foreign keys"],
            rows=[
                (
                    name,
                    f"{table['rows']:,}",
                    table["primary_key"],
                    table["time_column"],
                    ", ".join(f"{key} -> {parent}" for key, parent in table["foreign_keys"].items()),
                )
                for name, table in tables.items()
            ],
        ),
        Listing(
            title="columns",
            columns=["table", "column", "type", "encoding", "known"],
            rows=[
                (name, column, facts["type"], facts["encoding"], facts["known_at"])
                for name, table in tables.items()
                for column, facts in table["columns"].items()
            ],
        ),
    ]


def _task_listing(directory: DatabaseDirectory, tasks: Mapping[str, Mapping[str, Any]]) -> list[Listing]:
    rows = [
        (
            name,
            task["kind"],
            task["task_type"],
            f"{task['entity_table']}.{task['target_col']}",
            *(f"{task['rows'][split]:,}" if split in task["rows"] else None for split in SPLITS),
        )
        for name, task in tasks.items()
    ]
    rows += [(name, None, "recommendation", None, None, None, None) for name in directory.other_tasks]
    if not rows:
        return []
    return [Listing(title="tasks", columns=["task", "kind", "type", "target", *SPLITS], rows=rows)]


def summary_of_causes(graph: CausalGraph) -> dict[str, dict[str, Any]]:
    """What a causal graph holds of each table: numbers of nodes, edges, and nodes by what computes them."""
    tables = {node.id: node.table for node in graph.nodes}
    told: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        table = told.setdefault(
            node.table, {"columns": 0, "hidden": 0, "edges": 0, "edges_from_parents": 0, "computed_by": {}}
        )
        table["hidden" if node.column is None else "columns"] += 1
        table["computed_by"][node.mechanism] = table["computed_by"].get(node.mechanism, 0) + 1
    for edge in graph.single:
        told[tables[edge.target]]["edges" if edge.through is None else "edges_from_parents"] += 1
    for bundle in graph.bundles:
        for target in bundle.targets:
            told[tables[target]]["edges_from_parents"] += len(bundle.sources)
    return told


def _cause_listing(causes: Mapping[str, Mapping[str, Any]]) -> list[Listing]:
    if not causes:
        return []
    rows = [
        (
            name,
            table["columns"],
            table["hidden"],
            f"{table['edges']:,}",
            f"{table['edges_from_parents']:,}",
            ", ".join(
                f"{one.partition(':')[2]} {count}" for one, count in sorted(table["computed_by"].items())
            ),
        )
        for name, table in causes.items()
    ]
    return [
        Listing(
            title="causes",
            columns=["table", "columns", "hidden", "edges", "from parents", "computed by"],
            rows=rows,
        )
    ]


def _origin_listing(said: Mapping[str, Any]) -> list[Listing]:
    """Where it comes from, as far as that fits a line each."""
    origin = _origin(said)
    keys = keys_listing(said)
    if keys is not None:
        del origin["keys"]
    config, period = origin.pop("config", None), origin.pop("period", None)
    rows = [(name, _words(value)) for name, value in origin.items()]
    if isinstance(config, Mapping):
        rows.append(("preset", _words(config.get("preset") or "none: a config of its own")))
    if isinstance(period, Mapping) and all(map(_is_moment, period.values())):
        rows.append(("period", ", ".join(f"{name} {iso(moment)}" for name, moment in period.items())))
    listings = [Listing(title="origin", columns=["what", "value"], rows=rows)] if rows else []
    return [*listings, keys] if keys is not None and keys.rows else listings


def _is_moment(value: Any) -> bool:
    """Whether a number may be microseconds since 1970, within three centuries of it."""
    return isinstance(value, int) and abs(value) < 1 << 53


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return (
            f"{len(value)} entries" if value and isinstance(value[0], Mapping) else ", ".join(map(str, value))
        )
    return str(value)
